/**
 * What a member's key looks like.
 *
 * `sk-codex-gw-`, then 29 characters that carry 168 random bits, then 6 that carry their CRC-32; all of them base 62.
 * The checksum tells a mistyped key from an unknown one without a look-up; it protects nothing. Keys of the first
 * generation, `sk-codex-gw-` and 32 lower-case hex digits, have none and stay valid.
 */
const BRAND = 'sk-codex-gw-'
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Random bytes that `newGatewayKey` wants. */
export const GATEWAY_KEY_BYTES = 21
const BODY_CHARS = 29
const CHECKSUM_CHARS = 6
const SHOWN_CHARS = 8

const CURRENT_FORM = new RegExp(`^${BRAND}([0-9A-Za-z]{${BODY_CHARS}})([0-9A-Za-z]{${CHECKSUM_CHARS}})$`)
const FIRST_FORM = new RegExp(`^${BRAND}[0-9a-f]{32}$`)
const FIRST_SHOWN_CHARS = 4

export interface NewGatewayKey {
  /** The whole key: shown once, never stored. */
  readonly secret: string
  /** Its first part, which names it to people. */
  readonly prefix: string
}

/** Makes a key out of `GATEWAY_KEY_BYTES` random bytes; throws a RangeError for any other number of them. */
export function newGatewayKey(random: Uint8Array): NewGatewayKey {
  if (random.length !== GATEWAY_KEY_BYTES) throw new RangeError(`a key is made of ${GATEWAY_KEY_BYTES} random bytes`)
  let value = 0n
  for (const byte of random) value = (value << 8n) | BigInt(byte)
  const body = base62(value, BODY_CHARS)
  return { secret: BRAND + body + checksumOf(body), prefix: BRAND + body.slice(0, SHOWN_CHARS) }
}

/** What is wrong with a text that should have been a gateway key. */
export type GatewayKeyProblem =
  /** Nothing is there. */
  | 'missing'
  /** No key of ours. */
  | 'malformed'
  /** The form is right, but a character was mistyped. */
  | 'checksum'
  /** The access token of somebody's ChatGPT login. */
  | 'chatgpt-token'
  /** A key for OpenAI's own API. */
  | 'openai-key'

export type ParsedGatewayKey =
  | { readonly ok: true; readonly prefix: string }
  | { readonly ok: false; readonly problem: GatewayKeyProblem }

/** Judges a key by its form alone; whether anybody holds it is for the directory to say. */
export function parseGatewayKey(text: string): ParsedGatewayKey {
  const current = CURRENT_FORM.exec(text)
  if (current) {
    const [, body = '', checksum] = current
    if (checksum !== checksumOf(body)) return { ok: false, problem: 'checksum' }
    return { ok: true, prefix: BRAND + body.slice(0, SHOWN_CHARS) }
  }
  if (FIRST_FORM.test(text)) return { ok: true, prefix: text.slice(0, BRAND.length + FIRST_SHOWN_CHARS) }
  return { ok: false, problem: strangerIn(text) }
}

function strangerIn(text: string): GatewayKeyProblem {
  if (text === '') return 'missing'
  if (text.startsWith(BRAND)) return 'malformed'
  // A JSON Web Token: its header is base64url of `{"`.
  if (text.startsWith('eyJ') && text.includes('.')) return 'chatgpt-token'
  return text.startsWith('sk-') ? 'openai-key' : 'malformed'
}

function checksumOf(body: string): string {
  return base62(BigInt(crc32(body)), CHECKSUM_CHARS)
}

/** Least significant digit first, so that the first characters, which people see, are the evenly spread ones. */
function base62(value: bigint, length: number): string {
  let text = ''
  for (let rest = value; text.length < length; rest /= 62n) text += ALPHABET.charAt(Number(rest % 62n))
  return text
}

/** CRC-32 as in IEEE 802.3: it misses no single wrong character and no two neighbours swapped. */
function crc32(ascii: string): number {
  let crc = 0xff_ff_ff_ff
  for (let at = 0; at < ascii.length; at++) {
    crc ^= ascii.charCodeAt(at)
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xed_b8_83_20 : 0)
  }
  return ~crc >>> 0
}
