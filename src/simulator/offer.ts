import type { IncomingMessage } from 'node:http'
import { ApiError } from './api-error.ts'
import type { House } from './house.ts'
import { asObject, asText, type JsonObject } from './json.ts'
import type { Turn } from './turn.ts'

const SDP = 'application/sdp'

/**
 * The offer of a call over WebRTC as `{sdp, session, model}`: parts of a form, or SDP alone with the model in the query.
 * Throws an ApiError for a body that is neither.
 */
export async function decodeOffer(bytes: Buffer, { headers, url = '/' }: IncomingMessage): Promise<JsonObject> {
  const type = headers['content-type'] ?? ''
  const asked = new URL(url, 'http://simulator').searchParams.get('model') ?? undefined
  if (type.startsWith(SDP)) return { sdp: bytes.toString('utf8'), session: {}, model: asked }
  const form = await new Response(Uint8Array.from(bytes), { headers: { 'content-type': type } })
    .formData()
    .catch(() => undefined)
  if (form === undefined) throw new ApiError(400, `Unsupported content type: expected multipart/form-data or ${SDP}.`)
  const [sdp, session] = await Promise.all([form.get('sdp'), form.get('session')].map(textOf))
  const fields = session === undefined ? {} : jsonOf(session)
  return { sdp, session: fields, model: asText(fields['model']) ?? asked }
}

/** A part of a form, whether it was sent as a field or as a file. */
async function textOf(part: ReturnType<FormData['get']>): Promise<string | undefined> {
  return typeof part === 'string' ? part : await part?.text()
}

function jsonOf(text: string): JsonObject {
  try {
    const value = asObject(JSON.parse(text))
    if (value !== undefined) return value
  } catch {
    // Said below.
  }
  throw new ApiError(400, "Invalid value: 'session' must be a JSON object.", {
    param: 'session',
    code: 'invalid_value',
  })
}

/** POST /v1/realtime/calls and POST /v1/live: takes the call, though nobody will ever hear a sound of it. */
export async function takeOffer(turn: Turn, house: House): Promise<void> {
  const { body, key, record } = turn
  const model = asText(body['model'])
  if (model === undefined) throw missing('session.model')
  house.engine.shelf.find(model, key)
  const sdp = asText(body['sdp'])
  if (sdp === undefined) throw missing('sdp')
  if (!/^v=0\r?\n/.test(sdp))
    throw new ApiError(400, 'The SDP offer cannot be read.', { param: 'sdp', code: 'invalid_offer' })
  const call = house.calls.take(key, model, asObject(body['session']) ?? {})
  record.id = call.id
  const headers = { ...turn.head(SDP), ...house.engine.limitHeaders(key, model), location: `${record.path}/${call.id}` }
  await turn.delivery.body(201, headers, ANSWER)
}

/** An answer to an offer of sound (RFC 8866); its address is this machine's, where nobody listens. */
const ANSWER = [
  'v=0',
  'o=- 1 1 IN IP4 127.0.0.1',
  's=-',
  't=0 0',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111',
  'c=IN IP4 127.0.0.1',
  'a=rtpmap:111 opus/48000/2',
  'a=sendrecv',
  '',
].join('\r\n')

function missing(param: string): ApiError {
  return new ApiError(400, `Missing required parameter: '${param}'.`, { param, code: 'missing_required_parameter' })
}
