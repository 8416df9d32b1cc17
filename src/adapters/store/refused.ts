/** The store cannot be opened as asked; the sentence tells the administrator what is wrong and what to do. */
export class StoreRefused extends Error {
  override readonly name = 'StoreRefused'
}
