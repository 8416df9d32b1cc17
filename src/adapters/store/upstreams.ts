import type { EpochMs, UpstreamId } from '../../core/units.ts'
import type { Change, NewUpstream, Upstream } from '../../ports.ts'
import * as names from './names.ts'
import { bumpRevision } from './revision.ts'
import type { SealedPlace } from './sealing.ts'
import {
  flag,
  int,
  maybeText,
  maybeWords,
  one,
  only,
  real,
  sql,
  text,
  wordsText,
  type Row,
  type Script,
} from './sql.ts'

export type UpstreamChange = Change<Omit<NewUpstream, 'name'>> & { readonly enabled?: boolean }

/** Seals a secret for the row it will stand in. */
export type Sealer = (place: SealedPlace, secret: string) => Uint8Array

export function upstreamSecret(upstream: number): SealedPlace {
  return { table: 'upstreams', row: upstream, column: 'secret' }
}

export function* addUpstream(upstream: NewUpstream, seal: Sealer, now: EpochMs): Script<Upstream> {
  names.checkName(upstream.name)
  names.checkSecret(upstream.secret)
  check(upstream)
  const taken = yield* one(sql`SELECT id FROM upstreams WHERE name = ${upstream.name}`)
  if (taken) throw names.duplicate('upstream key', upstream.name)
  const row = yield* only(sql`
    INSERT INTO upstreams
      (name, enabled, version, http, ws, weight, max_concurrent, organization, project, models, base_url, api_key_id,
       secret, created_at)
    VALUES
      (${upstream.name}, 1, 1, ${upstream.http}, ${upstream.ws}, ${upstream.weight}, ${upstream.maxConcurrent},
       ${upstream.organization}, ${upstream.project}, ${wordsText(upstream.models)}, ${upstream.baseUrl},
       ${upstream.apiKeyId}, ${new Uint8Array()}, ${now})
    RETURNING *`)
  const added = upstreamOf(row)
  yield* setSecret(added.id, upstream.secret, seal)
  yield* bumpRevision()
  return added
}

/** Every change makes a new version, even one that sets what was set: it is how an administrator says "try again". */
export function* setUpstream(name: string, change: UpstreamChange, seal: Sealer): Script<Upstream> {
  const before = yield* upstreamRow(name)
  const id = int(before, 'id')
  // The labels are compared with what the administrator gave, not with what was learned.
  const labels = { organization: maybeText(before, 'organization'), project: maybeText(before, 'project') }
  const after = changed({ ...upstreamOf(before), ...labels }, change)
  check(after)
  if (change.secret !== undefined) {
    names.checkSecret(change.secret)
    yield* setSecret(id, change.secret, seal)
  }
  // Another secret, or another address, may be somebody else's.
  if (change.secret !== undefined || after.baseUrl !== maybeText(before, 'base_url')) {
    yield sql`UPDATE upstreams SET learned_organization = NULL, learned_project = NULL WHERE id = ${id}`
  }
  const row = yield* only(sql`
    UPDATE upstreams SET
      enabled = ${after.enabled}, version = version + 1, http = ${after.http}, ws = ${after.ws},
      weight = ${after.weight}, max_concurrent = ${after.maxConcurrent}, organization = ${after.organization},
      project = ${after.project}, models = ${wordsText(after.models)}, base_url = ${after.baseUrl},
      api_key_id = ${after.apiKeyId}
    WHERE id = ${id} RETURNING *`)
  yield* bumpRevision()
  return upstreamOf(row)
}

/** By name. */
export function* listUpstreams(): Script<readonly Upstream[]> {
  const rows = yield sql`SELECT * FROM upstreams ORDER BY name`
  return rows.map(upstreamOf)
}

/** Keeps what upstream's replies said, beside the administrator's labels; what is not known changes nothing. */
export function* learn(
  upstream: UpstreamId,
  seenOrganization: string | undefined,
  seenProject: string | undefined,
): Script<void> {
  const [organization, project] = [names.labelOf(seenOrganization), names.labelOf(seenProject)]
  const rows = yield sql`
    UPDATE upstreams SET
      learned_organization = COALESCE(${organization}, learned_organization),
      learned_project = COALESCE(${project}, learned_project)
    WHERE id = ${upstream} AND (
      COALESCE(${organization}, learned_organization, '') <> COALESCE(learned_organization, '')
      OR COALESCE(${project}, learned_project, '') <> COALESCE(learned_project, ''))
    RETURNING id`
  if (rows.length > 0) yield* bumpRevision()
}

export function upstreamOf(row: Row): Upstream {
  const learned = { organization: maybeText(row, 'learned_organization'), project: maybeText(row, 'learned_project') }
  return {
    id: int(row, 'id') as UpstreamId,
    name: text(row, 'name'),
    enabled: flag(row, 'enabled'),
    version: int(row, 'version'),
    http: flag(row, 'http'),
    ws: flag(row, 'ws'),
    weight: real(row, 'weight'),
    maxConcurrent: int(row, 'max_concurrent'),
    organization: maybeText(row, 'organization') ?? learned.organization,
    project: maybeText(row, 'project') ?? learned.project,
    learned,
    models: maybeWords(row, 'models'),
    baseUrl: maybeText(row, 'base_url'),
    ...apiKeyIdIn(row),
  }
}

function apiKeyIdIn(row: Row): { readonly apiKeyId?: string } {
  const apiKeyId = maybeText(row, 'api_key_id')
  return apiKeyId === undefined ? {} : { apiKeyId }
}

function changed(before: Upstream, change: UpstreamChange): Upstream {
  return {
    ...before,
    // The id is the secret's: another secret has another one.
    apiKeyId: 'apiKeyId' in change || change.secret !== undefined ? change.apiKeyId : before.apiKeyId,
    enabled: change.enabled ?? before.enabled,
    http: change.http ?? before.http,
    ws: change.ws ?? before.ws,
    weight: change.weight ?? before.weight,
    maxConcurrent: change.maxConcurrent ?? before.maxConcurrent,
    organization: 'organization' in change ? change.organization : before.organization,
    project: 'project' in change ? change.project : before.project,
    models: 'models' in change ? change.models : before.models,
    baseUrl: 'baseUrl' in change ? change.baseUrl : before.baseUrl,
  }
}

function* setSecret(upstream: number, secret: string, seal: Sealer): Script<void> {
  yield sql`UPDATE upstreams SET secret = ${seal(upstreamSecret(upstream), secret)} WHERE id = ${upstream}`
}

export function* upstreamRow(name: string): Script<Row> {
  const row = yield* one(sql`SELECT * FROM upstreams WHERE name = ${name}`)
  if (row) return row
  const known = yield sql`SELECT name FROM upstreams ORDER BY name LIMIT 11`
  throw names.unknown(
    'upstream key',
    name,
    known.map((upstream) => text(upstream, 'name')),
  )
}

function check(upstream: Omit<NewUpstream, 'name' | 'secret'>): void {
  names.checkWeight(upstream.weight)
  names.checkConcurrency(upstream.maxConcurrent)
  names.checkLabel('organization', upstream.organization)
  names.checkLabel('project', upstream.project)
  names.checkLabel('API key id', upstream.apiKeyId)
  names.checkModels(upstream.models)
  names.checkBaseUrl(upstream.baseUrl)
  if (!upstream.http && !upstream.ws) throw names.invalid('transport', 'none', 'http, ws or both')
}
