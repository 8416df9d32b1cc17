import { FirstEvent } from '../core/first-event.ts'
import type { Metered } from '../core/meter.ts'
import { IdleTimeout, NoReply, type Reply } from '../ports.ts'

/** So long what upstream says before it begins to answer waits for the answer: what fails at once does so in the same breath. */
const HELD_MS = 50

export interface Peeked {
  /** Gives all of it, as it came. */
  readonly reply: Reply
  /**
   * Why it is no answer: it has come to nothing in time, has ended or broken off before it began to answer, or it is what
   * a failure under a good status says of itself. Undefined for an answer.
   */
  readonly trouble: 'silent' | 'broken' | NonNullable<Metered['error']> | undefined
}

/**
 * Waits until a stream begins to answer, or has been heard for HELD_MS. What fails before that is no answer: nothing of
 * it has gone to the client, so another key may be tried. What was read is kept and pumped first.
 *
 * `firstMs` is how long it may say nothing at all.
 */
export async function peek(reply: Reply, firstMs: number): Promise<Peeked> {
  const first = new FirstEvent()
  const kept: Uint8Array[] = []
  const told = Promise.withResolvers<'answer' | 'failure' | 'silent' | 'broken'>()
  const goOn = Promise.withResolvers<void>()
  // What came while this process had no time for it is read first: it was in time.
  const onceRead = (act: () => void): unknown => setImmediate(act)
  const silent = (): void => {
    if (kept.length === 0) told.resolve('silent')
  }
  let timer = setTimeout(() => onceRead(silent), firstMs)
  let toldYet = false
  let drained = (): Promise<void> => goOn.promise
  let sink = (chunk: Uint8Array): boolean => {
    if (kept.push(chunk) === 1) {
      clearTimeout(timer)
      timer = setTimeout(() => onceRead(() => told.resolve('answer')), HELD_MS)
    }
    const verdict = first.feed(chunk)
    if (verdict) told.resolve(verdict)
    return verdict === undefined && !toldYet
  }
  const end = reply.pump(
    (chunk) => sink(chunk),
    () => drained(),
  )
  end.then(
    () => told.resolve('broken'),
    (cause: unknown) => told.resolve(troubleOf(cause, kept.length > 0)),
  )
  const verdict = await told.promise
  toldYet = true
  clearTimeout(timer)
  const pump: Reply['pump'] = async (realSink, realDrained) => {
    // What comes meanwhile waits behind what was kept.
    for (let chunk = kept.shift(); chunk; chunk = kept.shift()) if (!realSink(chunk)) await realDrained()
    sink = realSink
    drained = realDrained
    goOn.resolve()
    await end
  }
  const whole = { status: reply.status, headers: reply.headers, pump, cancel: () => reply.cancel() }
  if (verdict === 'answer') return { reply: whole, trouble: undefined }
  if (verdict !== 'failure') return { reply: whole, trouble: verdict }
  return { reply: whole, trouble: first.metered.error ?? { code: undefined, type: undefined, message: undefined } }
}

function troubleOf(cause: unknown, hasBytes: boolean): 'answer' | 'silent' | 'broken' {
  // The client has left, or the gateway stops: whoever pumps it sees how.
  if (cause instanceof NoReply && cause.reason === 'aborted') return 'answer'
  return cause instanceof IdleTimeout && !hasBytes ? 'silent' : 'broken'
}
