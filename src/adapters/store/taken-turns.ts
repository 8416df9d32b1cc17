import { ChargedTurns } from '../../core/charged-turns.ts'
import type { MemberId, NanoCredits } from '../../core/units.ts'
import type { Entry, OpenCall } from '../../ports.ts'

/** So many that are not charged are remembered: with a turn that was forgotten the database is asked. */
const MOST_FREE = 50_000

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
  readonly #taken = new ChargedTurns()
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
    const key = keyOf({ member, id })
    if (this.#taken.has(member, id) || this.#free.has(key)) return
    const free = { member, id, isKnown: false }
    this.#free.set(key, free)
    if (this.#free.size > MOST_FREE) this.#free.delete(this.#free.keys().next().value ?? '')
    if (this.#toAsk.length === 0) setTimeout(() => void this.#askAll(), GATHER_MS).unref()
    this.#toAsk.push(free)
  }

  /** What a settlement will cost; undefined where only the database knows. */
  creditsOf(entry: Entry, turn: Turn | undefined): NanoCredits | undefined {
    if (entry.charging === 'tokens') return entry.credits
    if (!turn) return undefined
    if (!entry.message) return 0n
    const { member, id } = turn
    if (id === undefined) return entry.credits
    if (this.#taken.has(member, id)) return 0n
    return this.#free.get(keyOf({ member, id }))?.isKnown === true ? entry.credits : undefined
  }

  /** The database has the settlement, or is promised it: if it is of a message, that is taken, whoever took it. */
  settled({ message }: Entry, turn: Turn | undefined): void {
    if (message && turn?.id !== undefined) this.#took({ member: turn.member, id: turn.id })
  }

  /** Nothing is known of the turn any more. */
  doubt(turn: Turn | undefined): void {
    if (turn?.id === undefined) return
    const { member, id } = turn
    this.#taken.delete(member, id)
    this.#free.delete(keyOf({ member, id }))
  }

  #took(turn: NamedTurn): void {
    this.#free.delete(keyOf(turn))
    this.#taken.add(turn.member, turn.id)
  }

  async #askAll(): Promise<void> {
    const asked = this.#toAsk
    this.#toAsk = []
    const answers = await this.#ask(asked.map(({ member, id }) => ({ member, id }))).catch(() => [])
    for (const [at, free] of asked.entries()) {
      if (answers[at] === true) this.#took(free)
      else if (answers[at] === false) free.isKnown = true
      else this.#free.delete(keyOf(free))
    }
  }
}

function keyOf({ member, id }: NamedTurn): string {
  return `${member}:${id}`
}
