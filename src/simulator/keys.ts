import type { IncomingHttpHeaders } from 'node:http'
import { ApiError } from './api-error.ts'

/** An API key of the simulated OpenAI, and whom it belongs to. */
export interface SimulatedKey {
  readonly secret: string
  readonly organization: string
  readonly project: string
  /** How truth and faults call it; by default the last 4 characters of the secret. */
  readonly name?: string
  /** How the organization's books call it; by default `key_sim_` and the name. */
  readonly id?: string
  /** The only models its project may use; by default all. */
  readonly models?: readonly string[]
}

/** A key that is known by its name. */
export interface NamedKey extends SimulatedKey {
  readonly name: string
}

/** A key that reads the books of its organization, and does nothing else. */
export interface SimulatedAdminKey {
  readonly secret: string
  readonly organization: string
}

/** One for each organization of the default keys. */
export const DEFAULT_ADMIN_KEYS: readonly SimulatedAdminKey[] = [
  { secret: 'sk-admin-sim', organization: 'org-sim-a' },
  { secret: 'sk-admin-sim-b', organization: 'org-sim-b' },
  { secret: 'sk-admin-sim-c', organization: 'org-sim-c' },
]

/** How the books call a key. */
export function keyId({ id, name }: NamedKey): string {
  return id ?? `key_sim_${name}`
}

/** Three organizations; the first has two projects, the first project two keys. */
export const DEFAULT_KEYS: readonly NamedKey[] = [
  { name: 'alpha', secret: 'sk-sim-alpha', organization: 'org-sim-a', project: 'proj_sim_a1' },
  { name: 'alpha-twin', secret: 'sk-sim-alpha-twin', organization: 'org-sim-a', project: 'proj_sim_a1' },
  { name: 'alpha-other', secret: 'sk-sim-alpha-other', organization: 'org-sim-a', project: 'proj_sim_a2' },
  { name: 'beta', secret: 'sk-sim-beta', organization: 'org-sim-b', project: 'proj_sim_b1' },
  { name: 'gamma', secret: 'sk-sim-gamma', organization: 'org-sim-c', project: 'proj_sim_c1' },
]

/** Who may call, by the Authorization header. */
export class KeyRing {
  readonly #bySecret: ReadonlyMap<string, NamedKey>

  /** Throws a TypeError when a secret or a name is there twice. */
  constructor(keys: readonly SimulatedKey[]) {
    const named = keys.map((key) => ({ ...key, name: key.name ?? key.secret.slice(-4) }))
    for (const field of ['secret', 'name'] as const) {
      const values = named.map((key) => key[field])
      const twice = values.find((value, i) => values.indexOf(value) !== i)
      if (twice !== undefined) throw new TypeError(`keys: the ${field} ${JSON.stringify(twice)} is there twice`)
    }
    this.#bySecret = new Map(named.map((key) => [key.secret, key]))
  }

  /** Those of an organization, in the order in which they were given. */
  of(organization: string): readonly NamedKey[] {
    return Array.from(this.#bySecret.values()).filter((key) => key.organization === organization)
  }

  /** The key that a header names, known or not. */
  find(authorization: string | undefined): NamedKey | undefined {
    return this.#bySecret.get(secretIn(authorization))
  }

  /** The key that a request comes with. Throws OpenAI's 401, also for an organization or a project that is not the key's. */
  admit(headers: IncomingHttpHeaders): NamedKey {
    const key = this.authenticate(headers.authorization)
    refuseOthersOrganization(headers, key)
    return key
  }

  /** Throws OpenAI's 401 for a key that is missing or unknown. */
  authenticate(authorization: string | undefined): NamedKey {
    const key = this.find(authorization)
    if (key !== undefined) return key
    const secret = secretIn(authorization)
    if (secret === '') {
      throw new ApiError(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY). You can obtain an API key from https://platform.openai.com/account/api-keys.",
      )
    }
    throw new ApiError(
      401,
      `Incorrect API key provided: ${masked(secret)}. You can find your API key at https://platform.openai.com/account/api-keys.`,
      { code: 'invalid_api_key' },
    )
  }
}

/** A caller may name an organization or a project, but only its own. Throws OpenAI's 401. */
function refuseOthersOrganization(headers: IncomingHttpHeaders, key: NamedKey): void {
  for (const owner of ['organization', 'project'] as const) {
    const named = headers[`openai-${owner}`]
    if (named === undefined || named === key[owner]) continue
    throw new ApiError(
      401,
      `OpenAI-${owner === 'project' ? 'Project' : 'Organization'} header should match ${owner} for API key`,
      {
        code: `mismatched_${owner}`,
      },
    )
  }
}

export function secretIn(authorization: string | undefined): string {
  return /^Bearer\s+(\S+)\s*$/i.exec(authorization ?? '')?.[1] ?? ''
}

/** As OpenAI shows a key: the first 8 and the last 4 characters, stars between. */
export function masked(secret: string): string {
  if (secret.length <= 12) return '*'.repeat(secret.length)
  return secret.slice(0, 8) + '*'.repeat(Math.min(secret.length - 12, 120)) + secret.slice(-4)
}
