/** Money: whole billionths of a credit. Integers only; floating point never touches it. */
export type NanoCredits = bigint

/** Milliseconds since 1970, UTC. */
export type EpochMs = number

/** Lower-case hex SHA-256 of a whole gateway key. */
export type KeyHash = string & { readonly brand: 'KeyHash' }

/** A call's identity in the ledger: a UUID of version 7, made by the gateway. */
export type CallId = string & { readonly brand: 'CallId' }

export type MemberId = number & { readonly brand: 'MemberId' }
export type GatewayKeyId = number & { readonly brand: 'GatewayKeyId' }
export type AdminKeyId = number & { readonly brand: 'AdminKeyId' }
export type UpstreamId = number & { readonly brand: 'UpstreamId' }

export const NANO_PER_CREDIT = 1_000_000_000n

/** The exact decimal of an amount in credits, with no trailing zeros: `1.75`, `-0.000004375`, `12`. */
export function creditsText(amount: NanoCredits): string {
  const sign = amount < 0n ? '-' : ''
  const whole = amount < 0n ? -amount : amount
  const fraction = (whole % NANO_PER_CREDIT).toString().padStart(9, '0').replace(/0+$/, '')
  return `${sign}${whole / NANO_PER_CREDIT}${fraction && `.${fraction}`}`
}

/** Reads a plain decimal of credits (`12`, `1.75`), below a billion, up to nine decimals and not negative; undefined when it is anything else. */
export function parseCredits(text: string): NanoCredits | undefined {
  const match = /^(\d{1,9})(?:\.(\d{1,9}))?$/.exec(text)
  if (!match) return undefined
  const [, whole = '0', fraction = ''] = match
  return BigInt(whole) * NANO_PER_CREDIT + BigInt(fraction.padEnd(9, '0'))
}
