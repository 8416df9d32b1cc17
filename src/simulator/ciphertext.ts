import { createHmac, randomBytes } from 'node:crypto'
import { ApiError } from './api-error.ts'
import { asList, asObject, asText } from './json.ts'

const PREFIX = 'gAAAAAB'
const NONCE_BYTES = 16
const SEAL_BYTES = 32
/** The same everywhere, so that every simulator can read what another one wrote for the same organization. */
const SEALING_KEY = 'codex-gateway simulator'

/** Text which stands for something encrypted, and which only this organization can hand in again. */
export function encryptFor(organization: string, bytes: number = 240): string {
  const nonce = randomBytes(NONCE_BYTES)
  const sealed = seal(organization, nonce)
  const filler = randomBytes(Math.max(0, bytes - NONCE_BYTES - SEAL_BYTES))
  return PREFIX + Buffer.concat([nonce, sealed, filler]).toString('base64url') + '=='
}

export function isReadableBy(organization: string, ciphertext: string): boolean {
  if (!ciphertext.startsWith(PREFIX)) return false
  const bytes = Buffer.from(ciphertext.slice(PREFIX.length), 'base64url')
  const nonce = bytes.subarray(0, NONCE_BYTES)
  return seal(organization, nonce).equals(bytes.subarray(NONCE_BYTES, NONCE_BYTES + SEAL_BYTES))
}

/** Throws OpenAI's 400 `invalid_encrypted_content` when an input item holds ciphertext of somebody else. */
export function refuseForeignCiphertext(input: unknown, organization: string): void {
  for (const item of asList(input)) {
    const ciphertext = asText(asObject(item)?.['encrypted_content'])
    if (ciphertext === undefined || isReadableBy(organization, ciphertext)) continue
    const shown = `${ciphertext.slice(0, 4)}...${ciphertext.slice(-4)}`
    throw new ApiError(400, `The encrypted content ${shown} could not be verified.`, {
      code: 'invalid_encrypted_content',
    })
  }
}

function seal(organization: string, nonce: Uint8Array): Buffer {
  return createHmac('sha256', SEALING_KEY).update(nonce).update(organization).digest()
}
