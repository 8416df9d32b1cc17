import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib'
import { Refusal } from '../core/refusal.ts'
import type { MemberId } from '../core/units.ts'
import type { Body } from '../ports.ts'
import type { BodyBudget } from './body-budget.ts'

export interface BodyLimits {
  readonly maxBodyBytes: number
  /** After its content-encoding is undone. */
  readonly maxDecompressedBytes: number
  /** How long a body may make no progress. */
  readonly bodyIdleMs: number
}

type Inflate = (bytes: Uint8Array, options: { readonly maxOutputLength: number }) => Promise<Uint8Array>

/** Content encodings that are understood; the bytes are forwarded as they came. */
const DECODERS: ReadonlyMap<string, Inflate> = new Map<string, Inflate>([
  ['zstd', promisify(zstdDecompress) as Inflate],
  ['gzip', promisify(gunzip) as Inflate],
  ['x-gzip', promisify(gunzip) as Inflate],
  ['deflate', promisify(inflate) as Inflate],
  ['br', promisify(brotliDecompress) as Inflate],
])

/** Takes room of the budget for the bodies of one member. */
export interface BodyOwner {
  readonly budget: BodyBudget
  readonly member: MemberId
}

/** Reads a request body whole, within its limits; throws a Refusal past them or when it cannot be decoded. */
export async function readRequestBody(request: IncomingMessage, limits: BodyLimits, owner: BodyOwner): Promise<Body> {
  const held = new HeldBody(owner)
  try {
    const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase()
    const decode = encoding === 'identity' || encoding === '' ? undefined : DECODERS.get(encoding)
    if (decode === undefined && encoding !== 'identity' && encoding !== '') {
      throw new Refusal(
        'invalid_request',
        `The content-encoding "${encoding.slice(0, 50)}" is not understood. Send zstd, gzip, br, deflate or none.`,
      )
    }
    held.bytes = await collect(request, limits, held)
    held.plain = decode ? await decoded(held, decode, limits.maxDecompressedBytes, encoding) : held.bytes
    return held
  } catch (cause) {
    held.release()
    throw cause
  }
}

const NONE = new Uint8Array(0)

class HeldBody implements Body {
  bytes: Uint8Array = NONE
  plain: Uint8Array = NONE
  readonly #owner: BodyOwner
  #taken = 0

  constructor(owner: BodyOwner) {
    this.#owner = owner
  }

  take(bytes: number): void {
    this.#owner.budget.take(this.#owner.member, bytes)
    this.#taken += bytes
  }

  give(bytes: number): void {
    this.#owner.budget.give(this.#owner.member, bytes)
    this.#taken -= bytes
  }

  release(): void {
    this.#owner.budget.give(this.#owner.member, this.#taken)
    this.#taken = 0
    this.bytes = NONE
    this.plain = NONE
  }
}

/** What a chunk takes besides its bytes: a body in chunks of one byte must not be had for its length alone. */
const CHUNK_BYTES = 256

async function collect(request: IncomingMessage, limits: BodyLimits, held: HeldBody): Promise<Uint8Array> {
  const stated = Number(request.headers['content-length'] ?? 0)
  if (stated > limits.maxBodyBytes) throw tooLarge(limits.maxBodyBytes)
  const chunks: Uint8Array[] = []
  let length = 0
  return await new Promise<Uint8Array>((resolve, reject) => {
    const fail = (cause: Error): void => {
      request.pause()
      finish()
      reject(cause)
    }
    const timer = setTimeout(() => {
      fail(new Refusal('invalid_request', `The request body made no progress for ${limits.bodyIdleMs / 1000} s.`))
    }, limits.bodyIdleMs)
    const data = (chunk: Uint8Array): void => {
      timer.refresh()
      length += chunk.length
      if (length > limits.maxBodyBytes) return fail(tooLarge(limits.maxBodyBytes))
      try {
        held.take(chunk.length + CHUNK_BYTES)
      } catch (cause) {
        return fail(cause as Error)
      }
      chunks.push(chunk)
    }
    const end = (): void => {
      finish()
      resolve(chunks.length === 1 ? (chunks[0] ?? NONE) : Buffer.concat(chunks, length))
    }
    const closed = (): void => fail(new Error('the client left in the middle of its request body'))
    const finish = (): void => {
      clearTimeout(timer)
      request.off('data', data).off('end', end).off('close', closed).off('error', closed)
    }
    request.on('data', data).on('end', end).on('close', closed).on('error', closed)
  })
}

/** Most bodies stay below this; whoever goes beyond needs room for the most that there may be. */
const USUAL_RATIO = 32
const USUAL_LEAST_BYTES = 1_048_576

/** Undoes the content-encoding. Room is taken before it is filled, or many small bombs at once would go off together. */
async function decoded(held: HeldBody, decode: Inflate, mostBytes: number, encoding: string): Promise<Uint8Array> {
  const usual = Math.max(USUAL_LEAST_BYTES, held.bytes.length * USUAL_RATIO)
  for (const room of usual < mostBytes ? [usual, mostBytes] : [mostBytes]) {
    held.take(room)
    try {
      const plain = await decode(held.bytes, { maxOutputLength: room })
      held.give(room - plain.length)
      return plain
    } catch (cause) {
      held.give(room)
      if (cause instanceof RangeError) continue
      throw new Refusal(
        'invalid_request',
        `The request body is not valid ${encoding}, which its content-encoding says it is.`,
        { cause },
      )
    }
  }
  throw tooLarge(mostBytes)
}

function tooLarge(limit: number): Refusal {
  return new Refusal(
    'invalid_request',
    `The request body is larger than the gateway takes: at most ${limit} bytes. Start a new conversation, or compact this one.`,
  )
}
