/** The store cannot be opened as asked; the sentence tells the administrator what is wrong and what to do. */
export class StoreRefused extends Error {
  override readonly name = 'StoreRefused'
  /** Whether it would be granted later, asked for in the very same words: another process has what it needs. */
  readonly busy: boolean

  constructor(message: string, { busy = false, cause }: { readonly busy?: boolean; readonly cause?: unknown } = {}) {
    super(message, { cause })
    this.busy = busy
  }
}
