import type { Choice } from '../../core/choice.ts'
import type { Hold, QuotaWindow, Standing, Verdict } from '../../core/quota.ts'
import type { CallId, EpochMs, MemberId, UpstreamId } from '../../core/units.ts'
import {
  LedgerUnavailable,
  NeverOpened,
  type ClosedConnection,
  type Entry,
  type Ledger,
  type NewConnection,
  type OpenCall,
  type RefusedCall,
} from '../../ports.ts'
import type { AdmittedIn } from './book.ts'
import { MemberBooks } from './member-books.ts'
import type { Executor } from './executor.ts'
import { LedgerTime } from './ledger-time.ts'
import type { Input, OperationName, Output } from './operations.ts'
import { TakenTurns, type Turn } from './taken-turns.ts'
import type { WriteBehind } from './write-behind.ts'

/** A call that is open. */
interface FrontCall {
  readonly member: MemberId
  readonly windows: AdmittedIn
  /** Of one that is charged by the message. */
  readonly turn: Turn | undefined
  /** Its windows may be others by now, or it may be settled: only the database knows. */
  doubtful?: true
  /** Nor is it known whether it was opened. */
  readonly asked?: true
  /** Its settlement is promised: who reads the member may know of it before the one who settles it hears of that. */
  promised?: true
}

/** A settlement is promised after so long without an answer: sooner than anybody lets its client see the end without one. */
const SOON_MS = 250

/** What of a ledger it answers. */
export type Answered = 'open' | 'attempt' | 'settle' | 'refuse' | 'standing' | 'connected' | 'disconnected'

/**
 * Opens and settles calls without waiting for the database: judges them by what it knows of their members, and promises
 * them in the journal. What it does not know, and whatever would tell more than a member's windows, goes the long way: the
 * database is asked, once it has all that was promised.
 */
export class FrontLedger implements Pick<Ledger, Answered> {
  readonly #executor: Executor
  readonly #behind: WriteBehind
  readonly #time = new LedgerTime(0)
  readonly #calls = new Map<CallId, FrontCall>()
  readonly #books: MemberBooks
  readonly #turns: TakenTurns

  constructor(executor: Executor, behind: WriteBehind, warnAt: readonly number[]) {
    this.#executor = executor
    this.#behind = behind
    this.#books = new MemberBooks(executor, behind, warnAt)
    this.#turns = new TakenTurns((turns) => executor.request('areTaken', turns))
  }

  async open(call: OpenCall, heldBefore: readonly Hold[], now: EpochMs): Promise<Verdict> {
    // Were the database asked beside it, a member of many calls would never become known.
    const reading = this.#books.beingRead(call.member)
    if (reading) await reading
    const at = this.#time.at(now)
    const admitted = this.#books.get(call.member)?.judge(call.windows, heldBefore, at)
    if (admitted && this.#behind.note({ open: call, at })) {
      this.#opened(call, admitted.standing.windows)
      return admitted
    }
    await this.#upToDate()
    const book = this.#books.get(call.member)
    const verdict = await this.#askToOpen(call, heldBefore, now)
    // It knew less, or something else; one that was read meanwhile knows of this call.
    if (this.#books.get(call.member) === book) this.#books.drop(call.member)
    if (verdict.state === 'admitted') {
      this.#opened(call, verdict.standing.windows)
      this.#time.at(verdict.at)
      this.#books.read(call.member, verdict.at)
    } else this.#calls.delete(call.id)
    return verdict
  }

  async attempt(call: CallId, upstream: UpstreamId, now: EpochMs, chosen?: Choice): Promise<void> {
    if (this.#isOpen(this.#calls.get(call)) && this.#behind.note({ attempt: call, upstream, at: now, chosen })) return
    await this.#longWay(undefined, 'attempt', call, upstream, now, chosen)
  }

  async settle(entry: Entry): Promise<Standing> {
    this.#time.at(entry.endedAt)
    const call = this.#calls.get(entry.call)
    const isBeingRead = call && this.#books.beingRead(call.member) !== undefined
    const known = isBeingRead === false ? this.#settleQuickly(entry, call) : undefined
    const standing = known ?? (await this.#settleSafely(entry, call))
    this.#calls.delete(entry.call)
    return standing
  }

  async refuse(call: RefusedCall): Promise<void> {
    this.#time.at(call.endedAt)
    // It was opened, or may be, after its caller had given up waiting for that.
    if (this.#calls.has(call.id)) await this.#forgetBeforeRefusal(call.member)
    await this.#longWay(undefined, 'refuse', call)
    this.#calls.delete(call.id)
  }

  /** The database's time does not run backwards after this, nor may the one that calls are opened by. */
  async standing(member: MemberId, windows: readonly QuotaWindow[], now: EpochMs): Promise<Standing> {
    this.#time.at(now)
    // While it cannot be written, it may be read.
    await this.#upToDate().catch(() => undefined)
    return await this.#executor.request('standing', member, windows, now)
  }

  /** By the same way as its calls, so that it is there before they are. */
  async connected(connected: NewConnection): Promise<void> {
    if (!this.#behind.note({ connected })) await this.#longWay(undefined, 'connected', connected)
  }

  async disconnected(disconnected: ClosedConnection): Promise<void> {
    if (!this.#behind.note({ disconnected })) await this.#longWay(undefined, 'disconnected', disconnected)
  }

  /** Whatever is known may have changed behind its back. */
  forget(): void {
    this.#books.forget()
    for (const call of this.#calls.values()) call.doubtful = true
  }

  /** It may be opened though this rejects: whoever ends it then must be known. */
  async #askToOpen(call: OpenCall, heldBefore: readonly Hold[], now: EpochMs): Promise<Verdict> {
    const asked: FrontCall = { member: call.member, windows: [], turn: undefined, doubtful: true, asked: true }
    this.#calls.set(call.id, asked)
    try {
      return await this.#ask(call.member, 'open', call, heldBefore, now)
    } catch (cause) {
      const later = cause instanceof LedgerUnavailable ? cause.later : undefined
      void Promise.resolve(later).then((isDone) => {
        // Its caller may have tried again.
        if (isDone !== true && this.#calls.get(call.id) === asked) this.#calls.delete(call.id)
      })
      throw cause
    }
  }

  #opened(call: OpenCall, windows: AdmittedIn): void {
    const turn = TakenTurns.of(call)
    this.#calls.set(call.id, { member: call.member, windows, turn })
    if (turn && call.message) this.#turns.opened(turn)
  }

  #settleQuickly(entry: Entry, call: FrontCall | undefined): Standing | undefined {
    const book = call && this.#books.get(call.member)
    if (!book || call.doubtful === true || entry.ending === 'refused') return undefined
    const credits = this.#turns.creditsOf(entry, call.turn)
    if (credits === undefined) return undefined
    const standing = book.settled(call.windows, credits, this.#time.at(entry.endedAt))
    if (!standing || !this.#behind.note({ settle: entry })) return undefined
    this.#turns.settled(entry, call.turn)
    book.charge(call.windows, credits)
    return standing
  }

  /**
   * The database says how it stands with the member. When it does not say so soon, the settlement is promised meanwhile, for the client
   * will see the end of its answer; and that is what counts when it cannot: nothing is said of windows then. What was
   * promised and done is not done again.
   */
  async #settleSafely(entry: Entry, call: FrontCall | undefined): Promise<Standing> {
    if (!this.#isOpen(call)) return await this.#settleLong(entry, call)
    if (this.#isPromisedAsItFails(entry, call)) return { windows: [] }
    const timer = setTimeout(() => this.#promise(entry, call), SOON_MS)
    try {
      return await this.#settleOnceRead(entry, call)
    } catch (cause) {
      if (!(cause instanceof LedgerUnavailable)) throw cause
      if (!this.#isPromised(entry, call)) throw cause
      this.#behind.hearLater(cause)
      return { windows: [] }
    } finally {
      clearTimeout(timer)
    }
  }

  async #settleOnceRead(entry: Entry, call: FrontCall): Promise<Standing> {
    await this.#books.beingRead(call.member)
    if (this.#isPromisedAsItFails(entry, call)) return { windows: [] }
    // Unless it was settled meanwhile.
    const open = this.#calls.get(entry.call)
    const known = call.promised === true ? undefined : this.#settleQuickly(entry, open)
    return known ?? (await this.#settleLong(entry, open))
  }

  #isPromisedAsItFails(entry: Entry, call: FrontCall): boolean {
    return this.#behind.isFailing && this.#isPromised(entry, call)
  }

  #isPromised(entry: Entry, call: FrontCall): boolean {
    return call.promised === true || this.#promise(entry, call)
  }

  #promise(entry: Entry, call: FrontCall): boolean {
    if (!this.#behind.note({ settle: entry })) return false
    call.promised = true
    this.#turns.settled(entry, call.turn)
    this.#books.promisedBeside(call.member)
    return true
  }

  /** It is in the database, or promised. */
  #isOpen(call: FrontCall | undefined): call is FrontCall {
    return call !== undefined && call.asked !== true
  }

  async #settleLong(entry: Entry, call: FrontCall | undefined): Promise<Standing> {
    if (!call) return await this.#longWay(undefined, 'settle', entry)
    if (entry.ending === 'refused') await this.#forgetBeforeRefusal(call.member)
    try {
      await this.#upToDate()
      // One that was read while this waited does not have it; one that is read from here on does.
      const book = this.#books.get(call.member)
      this.#turns.settled(entry, call.turn)
      const standing = await this.#ask(call.member, 'settle', entry)
      if (call.doubtful === true || call.promised === true || entry.ending === 'refused') this.#books.drop(call.member)
      book?.charge(call.windows, standing.charged ?? entry.credits)
      book?.told(standing)
      return standing
    } catch (cause) {
      if (cause instanceof NeverOpened) this.#calls.delete(entry.call)
      this.#doubt(call)
      throw cause
    }
  }

  /** It may be settled, or not. */
  #doubt(call: FrontCall): void {
    call.doubtful = true
    this.#books.drop(call.member)
    if (call.promised !== true) this.#turns.doubt(call.turn)
  }

  /** It may end windows that its call opened: others that come after it must not be let into those. */
  async #forgetBeforeRefusal(member: MemberId): Promise<void> {
    await this.#books.beingRead(member)
    this.#books.drop(member)
  }

  async #longWay<N extends OperationName>(
    member: MemberId | undefined,
    name: N,
    ...input: Input<N>
  ): Promise<Output<N>> {
    await this.#upToDate()
    return await this.#ask(member, name, ...input)
  }

  async #upToDate(): Promise<void> {
    if (!this.#behind.isUpToDate) await this.#behind.applied()
  }

  #ask<N extends OperationName>(member: MemberId | undefined, name: N, ...input: Input<N>): Promise<Output<N>> {
    if (member !== undefined) this.#books.askedBeside(member)
    return this.#executor.request(name, ...input)
  }
}
