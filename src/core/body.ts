import { OPEN_BRACE } from './ascii.ts'
import { JsonScanner } from './scan.ts'
import { TOO_LONG, type Position, type Watch } from './watch.ts'

/** What a request body says that the gateway needs to know; everything else in it is upstream's business. */
export interface Asked {
  /** Of a WebSocket's message. */
  readonly type: string | undefined
  readonly model: string | undefined
  readonly stream: boolean
  readonly serviceTier: string | undefined
  /** False for a warm-up. */
  readonly generate: boolean
  /** Whether upstream is to keep the response, so that a later call may go on from it: unless told otherwise it does. */
  readonly stored: boolean
  /** Whether a streamed chat completion is asked to state its usage. */
  readonly includeUsage: boolean
  /** Where `stream_options` stands in the body, if it is there. */
  readonly streamOptions: Position | undefined
  /**
   * Where the first of the reasoning or compaction items stands that only the organization which made them can read:
   * the byte with which its ciphertext begins, a quote. Undefined when it carries none.
   */
  readonly ciphertextAt: number | undefined
  readonly endsInUserInput: boolean
  readonly endsInCompactionTrigger: boolean
  readonly sessionId: string | undefined
  readonly threadId: string | undefined
  readonly promptCacheKey: string | undefined
  readonly turnMetadata: string | undefined
  /** A stored response that this one goes on from. */
  readonly previousResponseId: string | undefined
}

const BODY: Watch = {
  type: 'value',
  model: 'value',
  stream: 'value',
  service_tier: 'value',
  background: 'value',
  generate: 'value',
  store: 'value',
  prompt_cache_key: 'value',
  previous_response_id: 'value',
  conversation: 'presence',
  stream_options: 'value',
  session: { model: 'value' },
  response: { model: 'value' },
  client_metadata: { session_id: 'value', thread_id: 'value', 'x-codex-turn-metadata': 'value' },
  input: { '*': { type: 'value', role: 'value', encrypted_content: 'presence' } },
  messages: { '*': { role: 'value' } },
}

const MAX_ID_LENGTH = 200

/** A body that cannot be served; the sentence says which field, what is wrong and what would be right. */
export interface BadBody {
  readonly problem: string
}

/** Reads a request body in one pass, in as many pieces as it comes in. */
export class BodyReader {
  readonly #fields = new Map<string, unknown>()
  readonly #last: LastItem = { type: undefined, role: undefined, index: -1 }
  readonly #scanner: JsonScanner
  #streamOptions: Position | undefined
  #ciphertextAt: number | undefined
  #first: number | undefined

  constructor() {
    this.#scanner = new JsonScanner(BODY, (place, value, position) => {
      if (place === 'input') this.#fields.set(place, true)
      else if (place === 'input.*.encrypted_content') this.#ciphertextAt ??= position.from
      else if (place.startsWith('input.*') || place.startsWith('messages.*')) last(this.#last, place, value, position)
      else this.#fields.set(place, value)
      if (place === 'stream_options') this.#streamOptions = position
    })
  }

  feed(bytes: Uint8Array): void {
    this.#first ??= bytes.find((byte) => byte > 0x20)
    this.#scanner.feed(bytes)
  }

  end(): Asked | BadBody {
    if (!this.#scanner.end() || this.#first !== OPEN_BRACE) {
      return { problem: 'The request body is not readable: it must be one JSON object, with no field given twice.' }
    }
    const problem = problemOf(this.#fields)
    if (problem !== undefined) return { problem }
    return { ...asked(this.#fields, this.#last), streamOptions: this.#streamOptions, ciphertextAt: this.#ciphertextAt }
  }
}

interface LastItem {
  type: unknown
  role: unknown
  index: number
}

/** Reads a body that is there as a whole. */
export function readBody(bytes: Uint8Array): Asked | BadBody {
  const reader = new BodyReader()
  reader.feed(bytes)
  return reader.end()
}

/** Keeps what is known of the last element only. */
function last(
  item: { type: unknown; role: unknown; index: number },
  place: string,
  value: unknown,
  { index }: Position,
): void {
  if (index !== item.index) Object.assign(item, { type: undefined, role: undefined, index })
  if (place.endsWith('.type')) item.type = value
  else item.role = value
}

function problemOf(fields: ReadonlyMap<string, unknown>): string | undefined {
  for (const name of ['model', 'service_tier', 'prompt_cache_key', 'previous_response_id']) {
    if (!isOrAbsent(fields.get(name), 'string')) return `The field "${name}" must be a string.`
  }
  for (const name of ['stream', 'background', 'generate']) {
    if (!isOrAbsent(fields.get(name), 'boolean')) return `The field "${name}" must be true or false.`
  }
  for (const name of ['model', 'service_tier', 'previous_response_id']) {
    if ((text(fields.get(name))?.length ?? 0) > MAX_ID_LENGTH || fields.get(name) === TOO_LONG) {
      return `The field "${name}" is longer than ${MAX_ID_LENGTH} characters.`
    }
  }
  return refusedUse(fields)
}

/** Fields that are right by their type, and ask for what the gateway cannot give. */
function refusedUse(fields: ReadonlyMap<string, unknown>): string | undefined {
  if (!isOptions(fields.get('stream_options'))) {
    return 'The field "stream_options" must be an object, of no more than 64 KiB.'
  }
  if (fields.has('conversation')) {
    return 'The field "conversation" must be absent: stored conversations belong to the OpenAI project, not to a member of the gateway.'
  }
  if (fields.get('background') === true) {
    return 'The field "background" must be false: a background response cannot be metered, so the gateway does not pass it on.'
  }
  return undefined
}

/** An object, null or absent. */
function isOptions(value: unknown): boolean {
  return value === undefined || (typeof value === 'object' && !Array.isArray(value))
}

function isOrAbsent(value: unknown, type: 'string' | 'boolean'): boolean {
  return value === undefined || value === null || typeof value === type
}

function asked(
  fields: ReadonlyMap<string, unknown>,
  lastItem: { readonly type: unknown; readonly role: unknown },
): Omit<Asked, 'streamOptions' | 'ciphertextAt'> {
  return {
    type: id(fields.get('type')),
    model: id(fields.get('model')) ?? id(fields.get('session.model')) ?? id(fields.get('response.model')),
    stream: fields.get('stream') === true,
    serviceTier: id(fields.get('service_tier')),
    generate: fields.get('generate') !== false,
    stored: fields.get('store') !== false,
    includeUsage: asksForUsage(fields.get('stream_options')),
    // A plain text for an input is the user's.
    endsInUserInput: fields.has('input') || isUserMessage(lastItem),
    endsInCompactionTrigger: lastItem.type === 'compaction_trigger',
    sessionId: id(fields.get('client_metadata.session_id')),
    threadId: id(fields.get('client_metadata.thread_id')),
    promptCacheKey: id(fields.get('prompt_cache_key')),
    turnMetadata: text(fields.get('client_metadata.x-codex-turn-metadata')),
    previousResponseId: id(fields.get('previous_response_id')),
  }
}

function isUserMessage(item: { readonly type: unknown; readonly role: unknown }): boolean {
  return item.role === 'user' && (item.type === undefined || item.type === 'message')
}

function asksForUsage(options: unknown): boolean {
  return typeof options === 'object' && options !== null && 'include_usage' in options && options.include_usage === true
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** An identifier of sane length; a longer one is nobody's. */
export function id(value: unknown): string | undefined {
  if (value === TOO_LONG) return undefined
  const found = text(value)
  return found !== undefined && found.length <= MAX_ID_LENGTH ? found : undefined
}
