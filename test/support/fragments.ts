/** WebSocket messages in pieces: fragments, with control frames between them, in chunks as the network may make them. */
import type { Socket } from 'node:net'
import fc from 'fast-check'
import { frame, OPCODE } from './frames.ts'
import type { Message } from './raw-socket.ts'

/** How one message is written. */
export interface Pieces {
  /** Where it is cut into fragments, between 0 and 1; two at one place make an empty one. */
  readonly cuts: readonly number[]
  /** What comes behind each fragment. */
  readonly between: readonly ('ping' | 'pong' | 'nothing')[]
  readonly mask: Uint8Array
}

/** Where the bytes of several messages are cut, in bytes from their beginning and between 0 and 1. */
export interface Chunks {
  readonly early: readonly number[]
  readonly anywhere: readonly number[]
}

const fraction = fc.double({ min: 0, max: 1, noNaN: true })

export const pieces: fc.Arbitrary<Pieces> = fc.record({
  cuts: fc.array(fraction, { maxLength: 5 }),
  between: fc.array(fc.constantFrom('ping', 'pong', 'nothing'), { minLength: 1, maxLength: 6 }),
  mask: fc.uint8Array({ minLength: 4, maxLength: 4 }),
})

export const chunks: fc.Arbitrary<Chunks> = fc.record({
  early: fc.array(fc.nat(40), { maxLength: 12 }),
  anywhere: fc.array(fraction, { maxLength: 12 }),
})

/** In one piece and unmasked. */
export const WHOLE: Pieces = { cuts: [], between: ['nothing'], mask: new Uint8Array(4) }

/** The bytes of a message, in pieces; a client's are masked. */
export function inPieces({ data, binary }: Message, { cuts, between, mask }: Pieces, client: boolean): Buffer {
  const style = client ? { mask } : {}
  const at = [0, ...cuts.map((cut) => Math.floor(cut * data.length)).toSorted((a, b) => a - b), data.length]
  const frames = at.slice(1).flatMap((end, i) => {
    const last = i === at.length - 2
    const opcode = i > 0 ? OPCODE.continuation : binary ? OPCODE.binary : OPCODE.text
    const next = between[i % between.length] ?? 'nothing'
    return [
      frame(data.subarray(at[i], end), { ...style, opcode, fin: last }),
      ...(next === 'nothing' ? [] : [frame(Buffer.from(`${next} ${i}`), { ...style, opcode: OPCODE[next] })]),
    ]
  })
  return Buffer.concat(frames)
}

/** Writes bytes in chunks, each of them sent by itself. */
export async function writeInChunks(socket: Socket, bytes: Buffer, { early, anywhere }: Chunks): Promise<void> {
  const cuts = [...early, ...anywhere.map((cut) => Math.floor(cut * bytes.length))].filter((cut) => cut < bytes.length)
  const at = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
  socket.setNoDelay(true)
  for (const [i, end] of at.slice(1).entries()) {
    if (end === at[i]) continue
    socket.write(bytes.subarray(at[i], end))
    await new Promise((resolve) => setImmediate(resolve))
  }
}
