import { readRealtime, readRealtimeRequest, type RealtimeError, type RealtimeEvent } from '../core/realtime.ts'
import { Refusal } from '../core/refusal.ts'
import type { Ending, Holder, Standing } from '../ports.ts'
import { refuseSpent } from './spent.ts'
import { authenticate } from './authenticate.ts'
import { COME_BACK, NOT_ALLOWED, type Conversation, type Talk } from './conversation.ts'
import { checkModelAllowed } from './eligible.ts'
import type { HeldMessage } from './held-message.ts'
import type { Line } from './line.ts'
import { isServing } from './line-fitness.ts'
import { keysTrouble } from './no-seat.ts'
import { explained } from './refused.ts'
import { reportFailure } from './report.ts'
import { SETTLE_MS, soon } from './soon.ts'
import { judgeSaid, Utterance, type Saying } from './utterance.ts'

/** Of so many responses it is remembered that they are over. */
const REMEMBERED = 1000

/** A message of upstream's that waits for a settlement. */
interface Last {
  readonly data: Uint8Array
  readonly binary: boolean
  readonly error: RealtimeError | undefined
}

/** Who opened the session, where, and for which model. */
export interface SessionOf {
  readonly holder: Holder
  readonly line: Line
  readonly model: string | undefined
}

/**
 * The realtime API over a conversation: messages pass, and every response and every transcription is a call of its own
 * (`Utterance`), metered by what upstream says of it. Responses run that nobody asked for: upstream hears when somebody
 * has spoken.
 */
export class RealtimeSession implements Talk {
  readonly #on: Conversation
  readonly #line: Line
  /** As last seen: whoever may not speak any more pays for what runs all the same. */
  #holder: Holder
  /** Of the session, as upstream last told it. */
  #model: string | undefined
  /** The model that writes down what is said. */
  #transcriber: string | undefined
  /** Responses that are asked for and have not begun, in this order. */
  readonly #asked: Utterance[] = []
  readonly #running = new Map<string, Utterance>()
  /** Responses that are over: what upstream tells of one again is no other. */
  readonly #finished = new Set<string>()
  /** What is not settled, or not told, yet. */
  readonly #open = new Set<Promise<void>>()
  #leaving: string | undefined
  /** The member has used a window up: the session ends with what runs. */
  #spent: Refusal | undefined
  /** It was used up by writing down what was said: the answer to that may be on its way, and is heard. */
  #answerDue = false
  /** How what runs has ended, once the session has. */
  #ended: Ending | undefined

  constructor(conversation: Conversation, { holder, line, model }: SessionOf) {
    this.#on = conversation
    this.#holder = holder
    this.#line = line
    this.#model = model
  }

  get idle(): boolean {
    return this.#open.size === 0
  }

  /** A session goes on for as long as somebody talks: there is no end to read on to. */
  get answered(): undefined {
    return undefined
  }

  get fits(): boolean {
    return this.#on.lineIsOpen && isServing(this.#line.upstream, this.#on.gateway) && this.#unwelcome() === undefined
  }

  async said(message: HeldMessage): Promise<void> {
    const { type, id, model } = readRealtimeRequest(message.bytes)
    if (type === 'response.create') {
      // Nothing is begun any more: it is asked for again where the client comes back.
      if (this.#leaving === undefined) await this.#ask(message, id)
      return
    }
    const refusal = type === 'session.update' && model !== undefined ? this.#mayNot(model) : undefined
    if (refusal) return await this.#on.client.refuse(refusal, id)
    await this.#on.passUp(message.bytes, message.binary)
  }

  heard(data: Uint8Array, binary: boolean): void {
    const event = readRealtime(data)
    switch (event.kind) {
      case 'session':
        this.#model = event.model ?? this.#model
        // It is still at work on what was said before it was switched off.
        this.#transcriber = event.transcriber ?? this.#transcriber
        break
      case 'created':
        this.#created(event.response)
        break
      case 'done':
        return this.#done(event, { data, binary, error: event.error })
      case 'transcribed':
        return this.#transcribed(event, { data, binary, error: undefined })
      case 'error':
        if (this.#erred({ data, binary, error: event.error })) return
        break
      default:
    }
    this.#on.pass(data, binary)
  }

  /** Between responses it is as silent as those who talk; a response that has begun goes on. */
  silent(): void {
    if (this.#running.size === 0 || this.#ended !== undefined) return
    void soon(this.#endAll('timed-out'), SETTLE_MS).then(() => this.#on.close(COME_BACK, 'upstream said nothing'))
  }

  hungUp(code: number, reason: string): void {
    void soon(this.#endAll('upstream-broke'), SETTLE_MS).then(() => this.#on.close(code, reason))
  }

  leave(reason: string): void {
    this.#leaving ??= reason
    if (this.idle) this.#on.close(COME_BACK, reason)
  }

  async over(because: 'client-left' | 'cut'): Promise<void> {
    await this.#endAll(because)
  }

  /** What comes behind a question waits until that has gone upstream. */
  async #ask({ bytes, binary }: HeldMessage, event: string | undefined): Promise<void> {
    const refusal = this.#unwelcome()
    if (refusal) return await this.#dismiss(refusal, event)
    const utterance = this.#utter({ kind: 'realtime', model: this.#model, askedIn: bytes.length, event })
    if (!(await utterance.opened)) return
    // It may all have ended while it waited.
    if (this.#ended !== undefined) return utterance.end({ ending: this.#ended })
    this.#asked.push(utterance)
    utterance.send(() => this.#asked.splice(this.#asked.indexOf(utterance), 1))
    await this.#on.passUp(bytes, binary)
  }

  #created(response: string): void {
    if (this.#running.has(response) || this.#finished.has(response)) return
    const utterance = this.#asked.shift() ?? this.#unasked('realtime', this.#model)
    utterance.begin()
    this.#running.set(response, utterance)
  }

  #done(done: Extract<RealtimeEvent, { kind: 'done' }>, last: Last): void {
    if (this.#finished.has(done.response)) return this.#on.pass(last.data, last.binary)
    const utterance = this.#running.get(done.response) ?? this.#unasked('realtime', this.#model)
    this.#running.delete(done.response)
    this.#finished.add(done.response)
    if (this.#finished.size > REMEMBERED) this.#finished.delete(this.#finished.keys().next().value ?? '')
    utterance.end({ ending: 'complete', done })
    this.#conclude(utterance, last)
  }

  #transcribed(transcribed: Extract<RealtimeEvent, { kind: 'transcribed' }>, last: Last): void {
    const utterance = this.#unasked('transcription', this.#transcriber)
    utterance.end({ ending: 'complete', transcribed })
    this.#conclude(utterance, last)
  }

  /** Whether the error is dealt with; if not, it is passed on. */
  #erred(last: Last & { readonly error: RealtimeError }): boolean {
    const { gateway } = this.#on
    const judgement = judgeSaid(last.error, this.#model, gateway.now())
    const at = this.#asked.findIndex((utterance) => isAbout(last.error, utterance, judgement.whoseTrouble !== 'caller'))
    const [utterance] = at === -1 ? [] : this.#asked.splice(at, 1)
    if (utterance) {
      utterance.end({ ending: 'complete', error: last.error })
      this.#conclude(utterance, last)
      return true
    }
    if (judgement.whoseTrouble !== 'key') return false
    reportFailure(this.#on.id, this.#line.upstream, judgement, gateway)
    this.#track(this.#comeBack())
    return true
  }

  /** Something that upstream has begun by itself. */
  #unasked(kind: Saying['kind'], model: string | undefined): Utterance {
    // What ran beside the response that used a window up is heard to its end; what begins now is not.
    const refusal = this.#unwelcome() ?? (kind === 'realtime' && !this.#answerDue ? this.#spent : undefined)
    if (kind === 'realtime') this.#answerDue = false
    if (refusal) this.#track(this.#dismiss(refusal, undefined))
    return this.#utter({ kind, model, askedIn: undefined, event: undefined })
  }

  #utter(saying: Saying): Utterance {
    const utterance = new Utterance(this.#on, this.#line, this.#holder, saying)
    const settled = utterance.settled.then(
      () => undefined,
      (cause: unknown) => this.#refused(cause, utterance),
    )
    this.#track(settled)
    return utterance
  }

  async #refused(cause: unknown, { call, inLedger, saying }: Utterance): Promise<void> {
    const { client, gateway, signal } = this.#on
    if (cause instanceof Refusal) {
      await client.refuse((await explained(cause, call, inLedger, gateway)) as Error, saying.event)
    } else if (!signal.aborted) this.#on.failed('response failed', cause)
  }

  /** What tells the end of something is passed on when that is settled; what comes behind it waits. */
  #conclude(utterance: Utterance, last: Last): void {
    this.#track(this.#deliver(utterance, last).finally(this.#on.hush()))
  }

  async #deliver({ saying, settled }: Utterance, { data, binary, error }: Last): Promise<void> {
    const standing = await soon(settled, SETTLE_MS)
    const { gateway, signal } = this.#on
    if (signal.aborted) return
    if (error && judgeSaid(error, this.#model, gateway.now()).whoseTrouble === 'key') return await this.#comeBack()
    this.#on.pass(data, binary)
    await this.#judge(standing, saying)
    // A slow ledger is not waited for any longer, and says all the same in the end whether a window is used up.
    const late = (said: Standing | undefined): Promise<void> => this.#judge(said, saying)
    if (!standing) this.#track(settled.then(late, () => undefined))
  }

  async #judge(standing: Standing | undefined, saying: Saying): Promise<void> {
    const { gateway, signal } = this.#on
    if (signal.aborted) return
    const rests = this.#running.size + this.#asked.length === 0
    const spent = standing && refusalOf(() => refuseSpent(standing, gateway))
    this.#answerDue = spent !== undefined && !this.#spent && rests && saying.kind === 'transcription'
    this.#spent ??= spent
    if (this.#spent && rests && !this.#answerDue) await this.#dismiss(this.#spent, undefined)
  }

  /** Of a pooled key's own trouble a member hears in our words, and finds another key when it comes back. */
  async #comeBack(): Promise<void> {
    await this.#on.client.refuse(keysTrouble())
    this.#on.close(COME_BACK, 'please come back')
  }

  async #dismiss(refusal: Refusal, event: string | undefined): Promise<void> {
    await this.#on.client.refuse(refusal, event)
    this.#on.close(NOT_ALLOWED, refusal === this.#spent ? 'the quota is used up' : 'not allowed any more')
  }

  /** Why the member may not speak any more. */
  #unwelcome(): Refusal | undefined {
    const { client, gateway } = this.#on
    return refusalOf(() => (this.#holder = authenticate(client.headers, gateway.directory, gateway.now)))
  }

  #mayNot(model: string): Refusal | undefined {
    return this.#unwelcome() ?? refusalOf(() => checkModelAllowed(this.#holder.member, model))
  }

  async #endAll(ending: Ending): Promise<void> {
    this.#ended ??= ending
    for (const utterance of [...this.#asked.splice(0), ...this.#running.values()]) utterance.end({ ending })
    this.#running.clear()
    while (this.#open.size > 0) await Promise.all(this.#open)
  }

  #track(work: Promise<void>): void {
    const failed = (cause: unknown): void => this.#on.failed('realtime session failed', cause)
    const tracked = work.catch(failed).finally(() => {
      this.#open.delete(tracked)
      if (this.#open.size > 0) return
      this.#on.rest()
      if (this.#leaving !== undefined) this.#on.close(COME_BACK, this.#leaving)
    })
    this.#open.add(tracked)
  }
}

/** An error names what it is about where the client named it; one that no caller can cause is about a response. */
function isAbout({ event, code }: RealtimeError, { saying }: Utterance, ofResponse: boolean): boolean {
  if (event !== undefined) return saying.event === event
  return saying.event === undefined && (ofResponse || code === 'conversation_already_has_active_response')
}

function refusalOf(act: () => unknown): Refusal | undefined {
  try {
    act()
    return undefined
  } catch (cause) {
    if (cause instanceof Refusal) return cause
    throw cause
  }
}
