import type { Meter } from '../core/meter.ts'
import { IdleTimeout, type Client, type Ending, type HeaderList, type Reply } from '../ports.ts'

/** Takes out of a stream what the client did not ask for; the rest passes byte for byte. */
export interface Strip {
  /** What of the stream may go on now. */
  push(chunk: Uint8Array): readonly Uint8Array[]
  /** What was kept back for being half an event. */
  end(): readonly Uint8Array[]
}

/**
 * Copies an upstream reply to the client, byte for byte, past the meter.
 *
 * Holds one chunk at a time: when the client is slow it stops reading, and TCP slows the upstream. A client that
 * leaves and an upstream that breaks are endings to be settled, not errors, so neither rejects. A reply cut short is
 * cut short for the client too: it must not look complete.
 *
 * The chunk with which the answer is whole waits for `whole`, which never rejects: what a client has seen completed is
 * settled. Where that says `cut`, the client is not shown how it ended.
 */
export async function forward(
  reply: Reply,
  headers: HeaderList,
  client: Client,
  path: { meter: Meter; strip?: Strip | undefined; whole: () => Promise<'show' | 'cut'> },
): Promise<Ending> {
  const { meter, strip, whole } = path
  try {
    client.begin(reply.status, headers)
  } catch (cause) {
    reply.cancel()
    throw cause
  }
  const write = strip
    ? (chunk: Uint8Array) => writeAll(client, strip.push(chunk))
    : (chunk: Uint8Array) => client.write(chunk)
  let last: Last | undefined
  let wasWhole = false
  const release = async (): Promise<void> => {
    const held = last
    last = undefined
    if ((await held?.settled) === 'cut') throw new Error('the end is not for the client')
    if (!held || !write(held.chunk)) await client.drained()
  }
  try {
    await reply.pump((chunk) => {
      meter.feed(chunk)
      if (wasWhole || meter.metered.terminal === undefined) return write(chunk)
      wasWhole = true
      last = { chunk, settled: whole() }
      return false
    }, release)
    if (last) await release()
  } catch (cause) {
    reply.cancel()
    if (client.signal.aborted) return 'client-left'
    client.cut()
    return cause instanceof IdleTimeout ? 'timed-out' : 'upstream-broke'
  }
  // The client may have gone between the last byte and now; what it got was whole all the same.
  if (strip) writeAll(client, strip.end())
  client.end()
  return 'complete'
}

/** A chunk that waits. */
interface Last {
  readonly chunk: Uint8Array
  readonly settled: Promise<'show' | 'cut'>
}

function writeAll(client: Client, chunks: readonly Uint8Array[]): boolean {
  let ready = true
  for (const chunk of chunks) ready = client.write(chunk)
  return ready
}
