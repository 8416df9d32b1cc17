import { createHash } from 'node:crypto'
import { GATEWAY_KEY_BYTES, newGatewayKey, parseGatewayKey } from '../core/gateway-key.ts'
import type { EpochMs, KeyHash } from '../core/units.ts'
import { type GatewayKey, type Registry, RegistryError } from '../ports.ts'
import { WrongUse } from './wrong-use.ts'

/** A key just made: the only time that its secret is known. */
export interface IssuedKey extends GatewayKey {
  readonly memberName: string
  readonly secret: string
}

export interface KeyWish {
  readonly member: string
  readonly expiresAt: EpochMs | undefined
}

/** Two keys with one prefix are as likely as a lottery win; three times in a row is a fault. */
const TRIES = 3

export async function addGatewayKey(
  registry: Registry,
  wish: KeyWish,
  randomBytes: (length: number) => Uint8Array,
): Promise<IssuedKey> {
  for (let tries = 1; ; tries++) {
    const { secret, prefix } = newGatewayKey(randomBytes(GATEWAY_KEY_BYTES))
    try {
      const key = await registry.addGatewayKey({ ...wish, hash: hashOf(secret), prefix })
      return { ...key, memberName: wish.member, secret }
    } catch (error) {
      const taken = error instanceof RegistryError && error.code === 'duplicate'
      if (!taken || tries === TRIES) throw error
    }
  }
}

function hashOf(secret: string): KeyHash {
  return createHash('sha256').update(secret).digest('hex') as KeyHash
}

/** By its prefix, or by the whole key: of one that leaked the secret is what people have in hand. */
export async function switchGatewayKey(registry: Registry, text: string, enabled: boolean): Promise<GatewayKey> {
  const whole = parseGatewayKey(text)
  if (!whole.ok && whole.problem === 'checksum') {
    throw new WrongUse(
      'this has the form of a whole key, but a character in it is wrong: copy it again, or give its prefix',
    )
  }
  if (!whole.ok) return await registry.setGatewayKey(text, { enabled })
  try {
    return await registry.setGatewayKey(hashOf(text), { enabled })
  } catch (error) {
    if (!(error instanceof RegistryError && error.code === 'unknown')) throw error
    throw new WrongUse(`this is a whole key, ${whole.prefix}…, and none of this gateway's`, { cause: error })
  }
}

export function listGatewayKeys(registry: Registry): ReturnType<Registry['gatewayKeys']> {
  return registry.gatewayKeys()
}
