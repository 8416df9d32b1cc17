import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib'
import { ApiError } from './api-error.ts'
import { asObject, type JsonObject } from './json.ts'

const LIMIT_BYTES = 256 * 1024 * 1024

const DECODERS: Readonly<Record<string, (bytes: Buffer, limit: { maxOutputLength: number }) => Promise<Buffer>>> = {
  gzip: promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
  zstd: promisify(zstdDecompress),
  identity: (bytes) => Promise.resolve(bytes),
}

/** The body as it came. Rejects when the client leaves before its end. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > LIMIT_BYTES) throw new ApiError(413, 'The request body is too large.')
  }
  return Buffer.concat(chunks, bytes)
}

/** The JSON object in a body. Throws OpenAI's 400 where there is none. */
export async function decodeBody(bytes: Buffer, encoding: string | undefined): Promise<JsonObject> {
  const decode = DECODERS[encoding?.toLowerCase() ?? 'identity']
  if (decode === undefined) throw new ApiError(415, `Unsupported content encoding: ${encoding}`)
  const decoded = await decode(bytes, { maxOutputLength: LIMIT_BYTES }).catch(() => unreadable())
  const body = asObject(parse(decoded.toString('utf8')))
  return body ?? unreadable()
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return unreadable()
  }
}

function unreadable(): never {
  throw new ApiError(
    400,
    'We could not parse the JSON body of your request. (HINT: This likely means you aren’t using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)',
  )
}
