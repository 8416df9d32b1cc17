import type { Registry, Upstream } from '../ports.ts'
import type { Defaults } from './world.ts'
import { WrongUse } from './wrong-use.ts'

/** What may be said of an upstream key; what is left out takes the default, or stays as it is. */
export interface UpstreamTraits {
  readonly http?: boolean
  readonly ws?: boolean
  readonly weight?: number
  readonly maxConcurrent?: number
  readonly organization?: string | undefined
  readonly project?: string | undefined
  readonly models?: readonly string[] | undefined
  readonly baseUrl?: string | undefined
  readonly apiKeyId?: string | undefined
  readonly secret?: string
}

export interface NewUpstreamKey extends UpstreamTraits {
  readonly name: string
  readonly secret: string
}

/** Throws WrongUse when it is not, so that nothing more is asked for; the registry decides when the key is added. */
export async function checkNameIsFree(registry: Registry, name: string): Promise<void> {
  const known = await registry.upstreams()
  if (!known.some((upstream) => upstream.name === name)) return
  throw new WrongUse(`there is already an upstream key ${JSON.stringify(name)}: choose another`)
}

/** A key that is given neither transport serves both; given one, it serves that one. */
export async function addUpstreamKey(registry: Registry, wish: NewUpstreamKey, defaults: Defaults): Promise<Upstream> {
  const http = wish.http ?? wish.ws !== true
  const ws = wish.ws ?? wish.http !== true
  if (!http && !ws) throw new WrongUse('a key must serve HTTP, WebSocket or both: leave out --no-http or --no-ws')
  return registry.addUpstream({
    name: wish.name,
    secret: wish.secret,
    http,
    ws,
    weight: wish.weight ?? 1,
    maxConcurrent: wish.maxConcurrent ?? defaults.upstreamConcurrency,
    organization: wish.organization,
    project: wish.project,
    models: wish.models,
    baseUrl: wish.baseUrl,
    apiKeyId: wish.apiKeyId,
  })
}

export async function setUpstreamKey(registry: Registry, name: string, traits: UpstreamTraits): Promise<Upstream> {
  if (Object.keys(traits).length === 0) throw new WrongUse('nothing to change: give at least one option')
  return registry.setUpstream(name, traits)
}

export function switchUpstreamKey(registry: Registry, name: string, enabled: boolean): Promise<Upstream> {
  return registry.setUpstream(name, { enabled })
}

export function listUpstreamKeys(registry: Registry): Promise<readonly Upstream[]> {
  return registry.upstreams()
}
