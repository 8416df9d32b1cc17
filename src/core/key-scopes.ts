import type { Reason } from './cooldown.ts'
import type { UpstreamId } from './units.ts'

/** What health depends on of a key. */
export interface KeyFacts {
  readonly id: UpstreamId
  readonly version: number
  readonly organization: string | undefined
  readonly project: string | undefined
  readonly baseUrl: string | undefined
}

/** Without labels, a key is a project and an organization of its own. */
export function keyScope(key: KeyFacts): string {
  return `key ${key.id}`
}

export function projectScope(key: KeyFacts): string {
  return key.project === undefined ? keyScope(key) : `project ${key.organization ?? ''}/${key.project}`
}

export function organizationScope(key: KeyFacts): string {
  return key.organization === undefined ? keyScope(key) : `organization ${key.organization}`
}

export function hostScope(key: KeyFacts): string {
  if (key.baseUrl === undefined) return 'host'
  return `host ${URL.canParse(key.baseUrl) ? new URL(key.baseUrl).host : key.baseUrl}`
}

/** Reason, scope, model, tier. */
export type Place = readonly [Reason, string, (string | undefined)?, (string | undefined)?]

export function nameOf([reason, scope, model, tier]: Place): string {
  return `${reason}\n${scope}\n${model ?? ''}\n${tier ?? ''}`
}
