import { DAY_MS, HOUR_MS } from '../../core/calendar.ts'
import type { EpochMs } from '../../core/units.ts'
import type { MemberUsage, UsageDimension, UsageQuery, UsageSum } from '../../ports.ts'
import { CUBE } from './rollups.ts'
import { big, int, sql, text, type Row, type Script, type Statement } from './sql.ts'
import { stretchesOf, type Stretch, type Unit } from './stretches.ts'

type Dimensions = ReadonlySet<UsageDimension>

/** In the order of the dimensions that were asked for. Groups without a settled call are left out. */
export function* usageBy({ from, to, by }: UsageQuery): Script<readonly UsageSum[]> {
  const asked: Dimensions = new Set(by)
  const groups = new Map<string, Sums>()
  for (const stretch of stretchesOf(from, to, longestOf(asked))) {
    for (const row of yield sumsIn(stretch, asked)) {
      const key = GROUP.map((column) => String(row[column])).join('\n')
      const group = groups.get(key)
      if (group) add(group, row)
      else groups.set(key, sumsOf(row))
    }
  }
  const names = yield* namesFor(asked)
  const found = [...groups.values()].map((sums) => named(sums, names, asked))
  return found.sort((one, other) => compare(one, other, by))
}

/** Throws a RangeError when the two are not full hours. */
export function* usageReport(from: EpochMs, to: EpochMs): Script<readonly MemberUsage[]> {
  const sums = yield* usageBy({ from, to, by: ['member'] })
  const connections = yield* connectionsIn(from, to)
  return sums.map((sum) => {
    const name = sum.member ?? ''
    const own = connections.get(name)
    return {
      name,
      credits: sum.credits,
      usd: sum.usd,
      unpriced: sum.unpriced,
      inputTokens: sum.inputTokens,
      cachedInputTokens: sum.cachedInputTokens,
      outputTokens: sum.outputTokens,
      totalTokens: sum.inputTokens + sum.outputTokens,
      requests: sum.requests,
      messages: sum.messages,
      wsConnections: own?.connections ?? 0,
      wsClientMessages: own?.clientMessages ?? 0,
      wsUpstreamMessages: own?.upstreamMessages ?? 0,
    }
  })
}

function longestOf(asked: Dimensions): Unit {
  if (asked.has('hour')) return 'hour'
  return asked.has('day') ? 'day' : 'month'
}

/** The cube with the fewest rows that tells apart what was asked for. */
function cubeOf(unit: Unit, asked: Dimensions): number {
  const who = asked.has('member') || asked.has('key')
  const how = asked.has('upstream') || asked.has('kind')
  const what = how || asked.has('model')
  if (unit === 'hour') return who || what ? CUBE.hour : CUBE.hourAlone
  if (who && how) return CUBE[unit]
  if (who) return CUBE[`${unit}ByWho${what ? 'AndModel' : ''}`]
  return CUBE[`${unit}ByWhat`]
}

const GROUP = ['at', 'member', 'gateway_key', 'model', 'upstream', 'kind'] as const

function sumsIn({ unit, from, to }: Stretch, asked: Dimensions): Statement {
  // All of time is one stretch where time is not asked for.
  const length = asked.has('hour') ? HOUR_MS : asked.has('day') ? DAY_MS : Number.MAX_SAFE_INTEGER
  return sql`
    SELECT at - at % ${length} AS at,
      CASE WHEN ${asked.has('member')} THEN member ELSE 0 END AS member,
      CASE WHEN ${asked.has('key')} THEN gateway_key ELSE 0 END AS gateway_key,
      CASE WHEN ${asked.has('model')} THEN model ELSE '' END AS model,
      CASE WHEN ${asked.has('upstream')} THEN upstream ELSE 0 END AS upstream,
      CASE WHEN ${asked.has('kind')} THEN kind ELSE '' END AS kind,
      SUM(requests) AS requests, SUM(messages) AS messages, SUM(inexact) AS inexact,
      SUM(input_tokens) AS input_tokens, SUM(cached_input_tokens) AS cached_input_tokens,
      SUM(cache_write_tokens) AS cache_write_tokens, SUM(output_tokens) AS output_tokens,
      SUM(reasoning_tokens) AS reasoning_tokens, SUM(credits) AS credits, SUM(usd) AS usd, SUM(unpriced) AS unpriced
    FROM sums WHERE cube = ${cubeOf(unit, asked)} AND at >= ${from} AND at < ${to}
    GROUP BY 1, 2, 3, 4, 5, 6`
}

/** One group while it is summed. */
interface Sums {
  readonly of: Row
  requests: number
  messages: number
  inexact: number
  inputTokens: number
  cachedInputTokens: number
  cacheWriteTokens: number
  outputTokens: number
  reasoningTokens: number
  credits: bigint
  usd: bigint
  unpriced: number
}

function sumsOf(row: Row): Sums {
  return {
    of: row,
    requests: int(row, 'requests'),
    messages: int(row, 'messages'),
    inexact: int(row, 'inexact'),
    inputTokens: int(row, 'input_tokens'),
    cachedInputTokens: int(row, 'cached_input_tokens'),
    cacheWriteTokens: int(row, 'cache_write_tokens'),
    outputTokens: int(row, 'output_tokens'),
    reasoningTokens: int(row, 'reasoning_tokens'),
    credits: big(row, 'credits'),
    usd: big(row, 'usd'),
    unpriced: int(row, 'unpriced'),
  }
}

function add(group: Sums, row: Row): void {
  const more = sumsOf(row)
  group.requests += more.requests
  group.messages += more.messages
  group.inexact += more.inexact
  group.inputTokens += more.inputTokens
  group.cachedInputTokens += more.cachedInputTokens
  group.cacheWriteTokens += more.cacheWriteTokens
  group.outputTokens += more.outputTokens
  group.reasoningTokens += more.reasoningTokens
  group.credits += more.credits
  group.usd += more.usd
  group.unpriced += more.unpriced
}

interface Names {
  readonly members: ReadonlyMap<number, string>
  readonly keys: ReadonlyMap<number, string>
  readonly upstreams: ReadonlyMap<number, string>
}

function* namesFor(asked: Dimensions): Script<Names> {
  const mapOf = (rows: readonly Row[]) => new Map(rows.map((row) => [int(row, 'id'), text(row, 'name')]))
  return {
    members: mapOf(asked.has('member') ? yield sql`SELECT id, name FROM members` : []),
    keys: mapOf(asked.has('key') ? yield sql`SELECT id, prefix AS name FROM gateway_keys` : []),
    upstreams: mapOf(asked.has('upstream') ? yield sql`SELECT id, name FROM upstreams` : []),
  }
}

function named({ of, ...sums }: Sums, names: Names, asked: Dimensions): UsageSum {
  return {
    member: names.members.get(int(of, 'member')),
    key: names.keys.get(int(of, 'gateway_key')),
    model: text(of, 'model') || undefined,
    upstream: names.upstreams.get(int(of, 'upstream')),
    kind: text(of, 'kind') || undefined,
    at: asked.has('day') || asked.has('hour') ? int(of, 'at') : undefined,
    ...sums,
  }
}

function compare(one: UsageSum, other: UsageSum, by: readonly UsageDimension[]): number {
  for (const dimension of by) {
    const field = dimension === 'day' || dimension === 'hour' ? 'at' : dimension
    const [a, b] = [one[field] ?? '', other[field] ?? '']
    if (a !== b) return a < b ? -1 : 1
  }
  return 0
}

interface ConnectionSums {
  connections: number
  clientMessages: number
  upstreamMessages: number
}

function* connectionsIn(from: EpochMs, to: EpochMs): Script<ReadonlyMap<string, ConnectionSums>> {
  const sums = new Map<string, ConnectionSums>()
  for (const stretch of stretchesOf(from, to, 'day')) {
    const rows = yield sql`
      SELECT m.name AS name, SUM(connections) AS connections, SUM(client_messages) AS client_messages,
        SUM(upstream_messages) AS upstream_messages
      FROM connection_rollups r JOIN members m ON m.id = r.member
      WHERE length_ms = ${stretch.unit === 'day' ? DAY_MS : HOUR_MS} AND at >= ${stretch.from} AND at < ${stretch.to}
      GROUP BY r.member`
    for (const row of rows) {
      const own = sums.get(text(row, 'name')) ?? { connections: 0, clientMessages: 0, upstreamMessages: 0 }
      own.connections += int(row, 'connections')
      own.clientMessages += int(row, 'client_messages')
      own.upstreamMessages += int(row, 'upstream_messages')
      sums.set(text(row, 'name'), own)
    }
  }
  return sums
}
