import { realpathSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { lockPathOf } from './instance-lock.ts'
import { journalPathOf } from './journal.ts'

/** What a name stands for; undefined where there is no such file. */
type Identity = string | undefined

/**
 * The files that a serving store has open, by their names. A process keeps what it has opened, whatever becomes of
 * the name: it would go on writing into a file that nobody finds any more, and hear of no change to the one that is there now.
 */
export class KeptFiles {
  readonly #known: ReadonlyMap<string, Identity>
  readonly #lost = Promise.withResolvers<string>()
  #timer: NodeJS.Timeout | undefined
  #stopped = false
  #isLost = false

  private constructor(known: ReadonlyMap<string, Identity>) {
    this.#known = known
  }

  /** Remembers them as they are now; one that is not there, or cannot be looked at, is not watched over. */
  static async of(databasePath: string): Promise<KeptFiles> {
    const named = resolve(databasePath)
    const path = realpathSync(named)
    // The name that was given, for it may be a link that points elsewhere later.
    const names = [named, `${path}-wal`, `${path}-shm`, lockPathOf(path), journalPathOf(path)]
    const known = await Promise.all(
      names.map(async (name) => [name, await identityOf(name).catch(() => undefined)] as const),
    )
    return new KeptFiles(new Map(known))
  }

  /** Resolves, with the reason, when one of them is found to be another file, or none. */
  get lost(): Promise<string> {
    return this.#lost.promise
  }

  /** Whether that has been found. */
  get isLost(): boolean {
    return this.#isLost
  }

  /** Looks `everyMs` after the last look. */
  follow(everyMs: number): void {
    if (this.#stopped) return
    this.#timer = setTimeout(() => void this.look().then(() => this.follow(everyMs)), everyMs)
    this.#timer.unref()
  }

  /** Never rejects. */
  async look(): Promise<void> {
    if (this.#isLost || (await this.#firstLost()) === undefined) return
    // Whoever takes several away does so one by one, perhaps while they are looked at: the first by name says most.
    const lost = await this.#firstLost()
    if (lost === undefined) return
    this.#isLost = true
    this.#lost.resolve(lost)
  }

  async #firstLost(): Promise<string | undefined> {
    for (const [name, known] of this.#known) {
      if (known === undefined) continue
      // What cannot be looked at is not known to be gone.
      const found = await identityOf(name).catch(() => known)
      if (found !== known) return `${name} was ${found === undefined ? 'removed' : 'replaced'} while it was in use`
    }
    return undefined
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }
}

/** Never opens it: closing a descriptor would drop the locks that SQLite holds on that file elsewhere in this process. */
async function identityOf(path: string): Promise<Identity> {
  try {
    const { dev, ino } = await stat(path, { bigint: true })
    return `${dev}:${ino}`
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw cause
  }
}
