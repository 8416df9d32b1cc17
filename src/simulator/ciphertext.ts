import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { ApiError } from './api-error.ts'
import { asList, asObject, asText } from './json.ts'

const PREFIX = 'gAAAAAB'
const NONCE_BYTES = 12
const TAG_BYTES = 16
const CIPHER = 'aes-256-gcm'
/** Short contents are filled up with spaces to this length, as thoughts are rarely short. */
const SHORTEST_BYTES = 240

/** Encrypts something that only this organization can hand in again, to any simulator. */
export function encryptFor(organization: string, content: string): string {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, keyOf(organization), nonce)
  const body = Buffer.concat([cipher.update(content.padEnd(SHORTEST_BYTES)), cipher.final()])
  return `${PREFIX}${Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url')}==`
}

/** What was encrypted for this organization; undefined when it was for another one or is no ciphertext. */
export function decryptFor(organization: string, ciphertext: string): string | undefined {
  if (!ciphertext.startsWith(PREFIX)) return undefined
  const bytes = Buffer.from(ciphertext.slice(PREFIX.length), 'base64url')
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined
  const decipher = createDecipheriv(CIPHER, keyOf(organization), bytes.subarray(0, NONCE_BYTES))
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
  const content = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES))
  try {
    return Buffer.concat([content, decipher.final()]).toString().trimEnd()
  } catch {
    return undefined // The tag does not fit: it was encrypted for somebody else, or changed.
  }
}

/** Throws OpenAI's 400 `invalid_encrypted_content` when an input item holds ciphertext of somebody else. */
export function refuseForeignCiphertext(input: unknown, organization: string): void {
  for (const item of asList(input)) {
    const ciphertext = asText(asObject(item)?.['encrypted_content'])
    if (ciphertext === undefined || decryptFor(organization, ciphertext) !== undefined) continue
    const shown = `${ciphertext.slice(0, 4)}...${ciphertext.slice(-4)}`
    throw new ApiError(400, `The encrypted content ${shown} could not be verified.`, {
      code: 'invalid_encrypted_content',
    })
  }
}

/** No secret: it keeps organizations of one machine apart, which is all that it is for. */
function keyOf(organization: string): Buffer {
  return createHash('sha256').update('simulated organization ').update(organization).digest()
}
