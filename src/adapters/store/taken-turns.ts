import type { MemberId, NanoCredits } from '../../core/units.ts'
import type { Entry, OpenCall } from '../../ports.ts'

/** So many are remembered of each kind: with a turn that was forgotten the database is asked. */
const MOST = 50_000

/** Questions wait so long for others, to be asked at once: far shorter than calls are. */
const GATHER_MS = 10

/** A turn, as its calls that are charged by the message name it. */
export interface Turn {
  readonly member: MemberId
  /** Undefined: the call is alone in it. */
  readonly id: string | undefined
}

export type NamedTurn = Turn & { readonly id: string }

/** Whether the message of each of these turns is taken. */
export type AskTurns = (turns: readonly NamedTurn[]) => Promise<readonly boolean[]>

/** That the database is being asked, or was, and that nothing is known to have taken the message since. */
interface Free extends NamedTurn {
  isKnown: boolean
}

/**
 * Whether the one message of a turn was charged already, where messages are charged. What the database says when the first
 * call of a turn is opened holds until one of its calls is settled, for all of them are settled here.
 */
export class TakenTurns {
  readonly #ask: AskTurns
  readonly #taken = new Set<string>()
  readonly #free = new Map<string, Free>()
  #toAsk: Free[] = []

  constructor(ask: AskTurns) {
    this.#ask = ask
  }

  /** The turn of a call that is charged by the message; undefined for another, which no turn matters to. */
  static of(call: OpenCall): Turn | undefined {
    return call.charging === 'message' ? { member: call.member, id: call.turnId } : undefined
  }

  /** A call of the turn has been opened that may come to be its message. */
  opened({ member, id }: Turn): void {
    if (id === undefined) return
    const key = keyOf(member, id)
    if (this.#taken.has(key) || this.#free.has(key)) return
    const free = { member, id, isKnown: false }
    this.#free.set(key, free)
    dropOldest(this.#free)
    if (this.#toAsk.length === 0) setTimeout(() => void this.#askAll(), GATHER_MS).unref()
    this.#toAsk.push(free)
  }

  /** What a settlement will cost; undefined where only the database knows. */
  creditsOf(entry: Entry, turn: Turn | undefined): NanoCredits | undefined {
    if (entry.charging === 'tokens') return entry.credits
    if (!turn) return undefined
    if (!entry.message) return 0n
    if (turn.id === undefined) return entry.credits
    const key = keyOf(turn.member, turn.id)
    if (this.#taken.has(key)) return 0n
    return this.#free.get(key)?.isKnown === true ? entry.credits : undefined
  }

  /** The database has the settlement, or is promised it: if it is of a message, that is taken, whoever took it. */
  settled({ message }: Entry, turn: Turn | undefined): void {
    if (message && turn?.id !== undefined) this.#took(keyOf(turn.member, turn.id))
  }

  /** Nothing is known of the turn any more. */
  doubt(turn: Turn | undefined): void {
    if (turn?.id === undefined) return
    const key = keyOf(turn.member, turn.id)
    this.#taken.delete(key)
    this.#free.delete(key)
  }

  /** What was taken stays so; all else may have changed. */
  forget(): void {
    this.#free.clear()
  }

  #took(key: string): void {
    this.#free.delete(key)
    this.#taken.delete(key)
    this.#taken.add(key)
    dropOldest(this.#taken)
  }

  async #askAll(): Promise<void> {
    // Not those of which something was heard meanwhile, nor a second time those that were forgotten and asked for again.
    const asked = this.#toAsk.filter((free) => this.#free.get(keyOf(free.member, free.id)) === free)
    this.#toAsk = []
    if (asked.length === 0) return
    const answers = await this.#ask(asked.map(({ member, id }) => ({ member, id }))).catch(() => [])
    for (const [at, free] of asked.entries()) {
      const key = keyOf(free.member, free.id)
      if (this.#free.get(key) !== free) continue
      if (answers[at] === true) this.#took(key)
      else if (answers[at] === false) free.isKnown = true
      else this.#free.delete(key)
    }
  }
}

function dropOldest(known: Set<string> | Map<string, unknown>): void {
  if (known.size > MOST) known.delete(known.keys().next().value ?? '')
}

function keyOf(member: MemberId, id: string): string {
  return `${member}:${id}`
}
