import { DAY_MS, HOUR_MS } from '../../core/calendar.ts'
import type { EpochMs } from '../../core/units.ts'
import type { MemberUsage, UsageDimension, UsageQuery, UsageSum } from '../../ports.ts'
import { int, sql, text, type Row, type Script } from './sql.ts'
import { ALWAYS, stretchesOf, type Sign, type Unit } from './stretches.ts'
import { freshSums, NO_SUMS, rolledUpSpan, rolledUpSums, sumsOf, type Dimensions, type Sums } from './usage-sums.ts'

/** In the order of the dimensions that were asked for. Groups without a settled call are left out. */
export function* usageBy({ from, to, by }: UsageQuery): Script<readonly UsageSum[]> {
  const asked: Dimensions = new Set(by)
  const columns = [...new Set(by.map((dimension) => COLUMN[dimension]))]
  const groups = new Map<string, Group>()
  const add = (row: Row, sign: Sign): void => {
    const key = columns.map((column) => String(row[column])).join('\n')
    let group = groups.get(key)
    if (!group) groups.set(key, (group = { of: row, sums: { ...NO_SUMS } }))
    addTo(group.sums, sumsOf(row), sign)
  }
  for (const stretch of stretchesOf({ from, to }, longestOf(asked), yield* rolledUpSpan())) {
    for (const row of yield rolledUpSums(stretch, asked)) add(row, stretch.sign)
  }
  for (const row of yield freshSums(from, to, asked)) add(row, 1)
  const names = yield* namesFor(asked)
  const found = [...groups.values()].filter(({ sums }) => sums.requests > 0)
  return found.map((group) => named(group, names, asked)).sort((one, other) => compare(one, other, by))
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

const COLUMN = {
  member: 'member',
  key: 'gateway_key',
  model: 'model',
  upstream: 'upstream',
  kind: 'kind',
  day: 'at',
  hour: 'at',
} as const satisfies Record<UsageDimension, string>

/** One group while it is summed. */
interface Group {
  readonly of: Row
  readonly sums: { -readonly [Sum in keyof Sums]: Sums[Sum] }
}

function addTo(group: Group['sums'], more: Sums, sign: Sign): void {
  group.requests += sign * more.requests
  group.messages += sign * more.messages
  group.inexact += sign * more.inexact
  group.inputTokens += sign * more.inputTokens
  group.cachedInputTokens += sign * more.cachedInputTokens
  group.cacheWriteTokens += sign * more.cacheWriteTokens
  group.outputTokens += sign * more.outputTokens
  group.reasoningTokens += sign * more.reasoningTokens
  group.credits += BigInt(sign) * more.credits
  group.usd += BigInt(sign) * more.usd
  group.unpriced += sign * more.unpriced
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

function named({ of, sums }: Group, names: Names, asked: Dimensions): UsageSum {
  return {
    member: asked.has('member') ? names.members.get(int(of, 'member')) : undefined,
    key: asked.has('key') ? names.keys.get(int(of, 'gateway_key')) : undefined,
    model: asked.has('model') ? word(of, 'model') : undefined,
    upstream: asked.has('upstream') ? names.upstreams.get(int(of, 'upstream')) : undefined,
    kind: asked.has('kind') ? word(of, 'kind') : undefined,
    at: asked.has('day') || asked.has('hour') ? int(of, 'at') : undefined,
    ...sums,
  }
}

/** Empty in the sums of calls that had none. */
function word(row: Row, column: string): string | undefined {
  return text(row, column) || undefined
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
  for (const stretch of stretchesOf({ from, to }, 'day', ALWAYS)) {
    const rows = yield sql`
      SELECT m.name AS name, SUM(connections) AS connections, SUM(client_messages) AS client_messages,
        SUM(upstream_messages) AS upstream_messages
      FROM connection_rollups r JOIN members m ON m.id = r.member
      WHERE length_ms = ${stretch.unit === 'day' ? DAY_MS : HOUR_MS} AND at >= ${stretch.from} AND at < ${stretch.to}
      GROUP BY r.member`
    for (const row of rows) {
      const own = sums.get(text(row, 'name')) ?? { connections: 0, clientMessages: 0, upstreamMessages: 0 }
      own.connections += stretch.sign * int(row, 'connections')
      own.clientMessages += stretch.sign * int(row, 'client_messages')
      own.upstreamMessages += stretch.sign * int(row, 'upstream_messages')
      sums.set(text(row, 'name'), own)
    }
  }
  return sums
}
