import type { EpochMs, MemberId } from '../../core/units.ts'
import { Book } from './book.ts'
import type { Executor } from './executor.ts'
import type { WriteBehind } from './write-behind.ts'

/** A book on its way here. */
interface Reading {
  /** What the database was asked after it makes it worthless. */
  stale: boolean
  /** What was promised meanwhile, too. */
  worthless?: true
  readonly done: Promise<void>
}

/** The books of members, as far as they have been read and nothing has happened that they do not know of. */
export class MemberBooks {
  readonly #executor: Executor
  readonly #behind: WriteBehind
  readonly #warnAt: readonly number[]
  readonly #books = new Map<MemberId, Book>()
  readonly #reading = new Map<MemberId, Reading>()

  constructor(executor: Executor, behind: WriteBehind, warnAt: readonly number[]) {
    this.#executor = executor
    this.#behind = behind
    this.#warnAt = warnAt
  }

  get(member: MemberId): Book | undefined {
    return this.#books.get(member)
  }

  /** Resolves when the member has been read, and never rejects; undefined where that is not being done. */
  beingRead(member: MemberId): Promise<void> | undefined {
    return this.#reading.get(member)?.done
  }

  /** Reads a member who is not known, with all that was promised and asked for before. */
  read(member: MemberId, at: EpochMs): void {
    if (this.#books.has(member) || this.#reading.has(member)) return
    const { promise: done, resolve } = Promise.withResolvers<void>()
    const reading: Reading = { stale: false, done }
    this.#reading.set(member, reading)
    void this.#learn(member, at, reading).finally(resolve)
  }

  drop(member: MemberId): void {
    this.#books.delete(member)
  }

  /** The database is asked for something that a book which is being read will not know of. */
  askedBeside(member: MemberId): void {
    const reading = this.#reading.get(member)
    if (reading) reading.stale = true
  }

  /** Something was promised of which neither the book knows nor one that is being read. */
  promisedBeside(member: MemberId): void {
    this.#books.delete(member)
    const reading = this.#reading.get(member)
    if (reading) reading.worthless = true
  }

  /** Whatever is known may have changed. */
  forget(): void {
    this.#books.clear()
    for (const reading of this.#reading.values()) reading.stale = true
  }

  /** All that the database was asked before is in what it learns, and nothing that it is asked later. */
  async #learn(member: MemberId, at: EpochMs, reading: Reading): Promise<void> {
    try {
      if (!this.#behind.isUpToDate) await this.#behind.applied()
      reading.stale = false
      const known = await this.#executor.request('book', member, at)
      if (!reading.stale && reading.worthless !== true) this.#books.set(member, new Book(known, this.#warnAt))
    } catch {
      // Calls go the long way until it can be read.
    } finally {
      this.#reading.delete(member)
    }
  }
}
