import { JsonScanner } from './scan.ts'

/** What an error's body says, as far as it says it. */
export interface ErrorBody {
  readonly code: string | undefined
  readonly type: string | undefined
  readonly message: string | undefined
  readonly param: string | undefined
}

/** Beyond this, only the beginning is looked at. */
const LOOKED_AT_BYTES = 262_144
const MESSAGE_CHARS = 4000

/**
 * Reads an error in the forms that upstreams use: `{"error":{…}}`, `{"error":"text"}`, `{"response":{"error":{…}}}`
 * (the event `response.failed`), fields at the top level, `{"detail":…}`, or no JSON at all, whose text is the
 * message. Never throws; a body cut short is read as far as it goes.
 */
export function readErrorBody(bytes: Uint8Array): ErrorBody {
  const part = bytes.subarray(0, LOOKED_AT_BYTES)
  const text = new TextDecoder().decode(part)
  if (!/^\s*\{/.test(text)) return wordless(text)
  try {
    return fromObject(JSON.parse(text) as unknown)
  } catch {
    // Cut short, or no JSON after all: what stands there whole still counts.
    return fromBeginning(part)
  }
}

function wordless(text: string): ErrorBody {
  const message = text.trim().slice(0, MESSAGE_CHARS)
  return { code: undefined, type: undefined, message: message === '' ? undefined : message, param: undefined }
}

function fromObject(body: unknown): ErrorBody {
  if (!isObject(body)) return wordless('')
  const response = body['response']
  const error = body['error'] ?? (isObject(response) ? response['error'] : undefined)
  if (isObject(error)) return fields(error)
  if (typeof error === 'string') return { ...fields(body), message: error.slice(0, MESSAGE_CHARS) }
  return fields(body)
}

/** Names of events, which stand where an error's type may stand. */
const EVENT = /^(?:error|response\..*)$/

function fields(from: Readonly<Record<string, unknown>>): ErrorBody {
  const type = word(from['type'])
  return {
    code: word(from['code']),
    type: type !== undefined && EVENT.test(type) ? undefined : type,
    message: word(from['message']) ?? word(from['detail']),
    param: word(from['param']),
  }
}

/** A text, or a number as a text: some APIs have numbers for codes. */
function word(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value !== '' ? value.slice(0, MESSAGE_CHARS) : undefined
}

const WATCHED = { code: 'value', type: 'value', message: 'value', param: 'value' } as const

function fromBeginning(bytes: Uint8Array): ErrorBody {
  const found: Record<string, unknown> = {}
  const scanner = new JsonScanner({ error: WATCHED, response: { error: WATCHED } }, (place, value) => {
    found[place.slice(place.lastIndexOf('.') + 1)] = value
  })
  scanner.feed(bytes)
  return fields(found)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
