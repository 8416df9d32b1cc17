import type { Account } from './reconcile.ts'
import type { UpstreamId } from './units.ts'

/** One upstream key as the books may know it. */
export interface BookedKey {
  readonly id: UpstreamId
  readonly name: string
  readonly apiKeyId: string | undefined
  readonly project: string | undefined
}

/**
 * Which upstream keys are looked for in the books, and as what: by the id of the key where it is known, else keys of one
 * project together, as all of it that is no known key's. `lost` are those of which the books say nothing.
 */
export function accountsOf(keys: readonly BookedKey[]): {
  readonly accounts: readonly Account[]
  readonly lost: readonly BookedKey[]
} {
  const grouped = Map.groupBy(keys, ({ apiKeyId, project }) => {
    if (apiKeyId !== undefined) return `key ${apiKeyId}`
    return project === undefined ? '' : `project ${project}`
  })
  const lost = grouped.get('') ?? []
  grouped.delete('')
  const accounts = Array.from(grouped.values(), (group): Account => {
    const [{ apiKeyId, project = '' } = { apiKeyId: undefined }] = group
    return {
      name: group.map(({ name }) => name).join('+'),
      upstreams: group.map(({ id }) => id),
      by: apiKeyId === undefined ? { project } : { apiKeyId },
    }
  })
  return { accounts, lost }
}
