/** Something was asked for that cannot be done as asked; nothing was changed. The message is one line for people. */
export class WrongUse extends Error {
  override readonly name = 'WrongUse'
}
