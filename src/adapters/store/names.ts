import { RegistryError } from '../../ports.ts'

const LABEL = /^[\x21-\x7e]{1,128}$/
const NAME = /^[A-Za-z0-9._@-]{1,64}$/
/** More than these are not listed: the message is for a terminal. */
const LISTED = 10
const SHOWN_CHARACTERS = 24

/** What may be named in a message: `name` is the field as people know it. */
export function checkName(name: string): void {
  if (!NAME.test(name)) {
    throw invalid('name', shown(name), '1 to 64 characters of A-Z a-z 0-9 . _ @ -')
  }
}

export function checkOrganization(name: string): void {
  if (!NAME.test(name)) throw invalid('organization', shown(name), '1 to 64 characters of A-Z a-z 0-9 . _ @ -')
}

export function checkWeight(weight: number): void {
  if (!(Number.isFinite(weight) && weight > 0)) throw invalid('weight', String(weight), 'a number greater than 0')
}

export function checkConcurrency(calls: number): void {
  if (!(Number.isSafeInteger(calls) && calls >= 0)) {
    throw invalid('max concurrent', String(calls), 'a whole number, 0 for unlimited')
  }
}

export function checkQuota(field: string, credits: bigint): void {
  if (credits < 0n || credits > MOST) throw invalid(field, `${credits} nanocredits`, '0 (unlimited) or more')
}

export function checkModels(models: readonly string[] | undefined): void {
  if (models?.length === 0) throw invalid('models', 'an empty list', 'at least one model, or no list to allow all')
  for (const model of models ?? []) {
    if (!LABEL.test(model)) {
      throw invalid('models', shown(model), 'model ids of 1 to 128 visible characters')
    }
  }
}

export function checkLabel(field: string, label: string | undefined): void {
  if (label !== undefined && !LABEL.test(label))
    throw invalid(field, shown(label), 'an id of 1 to 128 visible characters')
}

/** A label that came from outside: undefined when it is none. */
export function labelOf(seen: string | undefined): string | undefined {
  return seen !== undefined && LABEL.test(seen) ? seen : undefined
}

/** The base URL in the message goes without what may hide a password in it. */
export function checkBaseUrl(url: string | undefined): void {
  if (url === undefined) return
  const parsed = URL.parse(url)
  const right = 'an absolute http:// or https:// URL without user, query or fragment'
  if (!parsed) throw invalid('base URL', 'text that is no URL', right)
  const plain = parsed.username === '' && parsed.password === '' && parsed.search === '' && parsed.hash === ''
  if (!plain || !/^https?:$/.test(parsed.protocol)) throw invalid('base URL', shown(parsed.origin), right)
}

/** The message says nothing of the secret but its length. */
export function checkSecret(secret: string): void {
  if (!/^[\x21-\x7e]{1,1024}$/.test(secret)) {
    throw invalid(
      'secret',
      `a text of ${secret.length} characters`,
      '1 to 1024 visible ASCII characters without spaces',
    )
  }
}

export function unknown(what: string, name: string, known: readonly string[]): RegistryError {
  const list = known.length === 0 ? 'there is none yet' : `there are: ${known.join(', ')}`
  return new RegistryError('unknown', `no ${what} ${shown(name)}${known.length > LISTED ? '' : `; ${list}`}`)
}

export function duplicate(what: string, name: string): RegistryError {
  return new RegistryError(
    'duplicate',
    `there is already ${/^[aeiou]/.test(what) ? 'an' : 'a'} ${what} ${shown(name)}: choose another`,
  )
}

export function invalid(field: string, value: string, right: string): RegistryError {
  return new RegistryError('invalid', `${field} cannot be ${value}: it should be ${right}`)
}

/** Quoted, and shortened: somebody may have pasted a whole secret. */
export function shown(value: string): string {
  return JSON.stringify(value.length > SHOWN_CHARACTERS ? `${value.slice(0, SHOWN_CHARACTERS - 8)}…` : value)
}

/** The largest amount that a 64-bit column takes. */
const MOST = 2n ** 63n - 1n
