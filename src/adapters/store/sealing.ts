import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'

export const SEALING_KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** The place a secret is sealed for: it opens in no other row and no other column. */
export interface SealedPlace {
  readonly table: string
  readonly row: number
  readonly column: string
}

/** Eight hex digits by which people tell sealing keys apart; they say nothing about the key. */
export function fingerprintOf(key: Uint8Array): string {
  if (key.length !== SEALING_KEY_BYTES) {
    throw new RangeError(`a sealing key has ${SEALING_KEY_BYTES} bytes, this one has ${key.length}`)
  }
  return createHash('sha256').update('codex-gateway sealing key fingerprint v1\0').update(key).digest('hex').slice(0, 8)
}

/** Seals with AES-256-GCM under a random nonce. The bytes: nonce (12), tag (16), ciphertext. */
export function seal(key: Uint8Array, place: SealedPlace, secret: string): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(bindingOf(place))
  const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
  return new Uint8Array(Buffer.concat([nonce, cipher.getAuthTag(), sealed]))
}

/** Throws when the bytes were changed, belong to another place, or were sealed with another key. */
export function unseal(key: Uint8Array, place: SealedPlace, sealed: Uint8Array): string {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    decipher.setAAD(bindingOf(place))
    decipher.setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
    const head = decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES))
    return Buffer.concat([head, decipher.final()]).toString('utf8')
  } catch (cause) {
    throw new Error(`the secret in ${place.table} row ${place.row} cannot be decrypted: it was altered or moved`, {
      cause,
    })
  }
}

function bindingOf(place: SealedPlace): Uint8Array {
  return Buffer.from(`codex-gateway\0${place.table}\0${place.row}\0${place.column}`, 'utf8')
}
