import { FirstEvent } from '../core/first-event.ts'
import type { Metered } from '../core/meter.ts'
import type { Reply } from '../ports.ts'

export interface Peeked {
  /** Gives the whole answer all the same. */
  readonly reply: Reply
  /** What a failure under a good status says of itself; undefined for an answer. */
  readonly failure: Metered['error'] | undefined
}

/**
 * Waits for the first event of a stream. One that begins with a failure is no answer yet: nothing of it has gone to the
 * client, so another key may be tried. What was read is kept and pumped first.
 */
export async function peek(reply: Reply): Promise<Peeked> {
  const first = new FirstEvent()
  const kept: Uint8Array[] = []
  const told = Promise.withResolvers<'answer' | 'failure'>()
  const goOn = Promise.withResolvers<void>()
  let drained = (): Promise<void> => goOn.promise
  let sink = (chunk: Uint8Array): boolean => {
    kept.push(chunk)
    const verdict = first.feed(chunk)
    if (verdict === undefined) return true
    told.resolve(verdict)
    return false
  }
  const end = reply.pump(
    (chunk) => sink(chunk),
    () => drained(),
  )
  // An answer that ends or breaks before its first event: whoever pumps it sees how.
  end.then(
    () => told.resolve('answer'),
    () => told.resolve('answer'),
  )
  const verdict = await told.promise
  const pump: Reply['pump'] = async (realSink, realDrained) => {
    sink = realSink
    drained = realDrained
    for (const chunk of kept.splice(0)) if (!realSink(chunk)) await realDrained()
    goOn.resolve()
    await end
  }
  const whole = { status: reply.status, headers: reply.headers, pump, cancel: () => reply.cancel() }
  if (verdict === 'answer') return { reply: whole, failure: undefined }
  return { reply: whole, failure: first.metered.error ?? { code: undefined, type: undefined, message: undefined } }
}
