/** What the ledger keeps as sums, against its own rows added up the plain way. */
import { deepEqual, ok } from 'node:assert/strict'
import { DAY_MS, HOUR_MS } from '../../src/core/calendar.ts'
import { rowsIn, type FileRow } from './ledger-file.ts'
import { until } from './stand.ts'

const GROUP = 'at, member, gateway_key, model, upstream, kind'
const TOKENS = ['input_tokens', 'cached_input_tokens', 'cache_write_tokens', 'output_tokens', 'reasoning_tokens']
const FIGURES = ['messages', ...TOKENS, 'credits']

/** Everything that is kept as a sum is the sum of the rows. */
export async function expectSums(folder: string): Promise<void> {
  for (const window of ['5h', 'daily', 'weekly', 'monthly']) {
    const own = `(SELECT COALESCE(SUM(credits), 0) FROM calls WHERE window_${window} = w.id)`
    const wrong = await rowsIn(
      folder,
      `SELECT *, ${own} AS sum FROM windows w WHERE name = '${window}' AND settled <> ${own}`,
    )
    deepEqual(wrong, [], 'windows add up')
    const [all] = await rowsIn(folder, `SELECT SUM(settled) AS sum FROM windows WHERE name = '${window}'`)
    ok(Number(all?.['sum']) > 0)
  }
  const spent = `SELECT member, SUM(credits) AS total FROM calls GROUP BY member`
  const totals = `SELECT member, total FROM spend s WHERE minute = (SELECT MAX(minute) FROM spend WHERE member = s.member)`
  expectSame(await rowsIn(folder, totals), await rowsIn(folder, spent), 'running totals')
  expectSame(
    await rowsIn(
      folder,
      `SELECT cube, ${GROUP}, ${summed(['requests', 'inexact', ...FIGURES])} FROM sums GROUP BY cube, ${GROUP}`,
    ),
    (await Promise.all(CUBES.map(([cube, group]) => cubeOf(folder, cube, group)))).flat(),
    'sums',
  )
  expectSame(
    await rowsIn(folder, 'SELECT * FROM connection_rollups'),
    (await Promise.all([HOUR_MS, DAY_MS].map((length) => connectionsBy(folder, length)))).flat(),
    'sums of WebSockets',
  )
}

const BY_HOUR = `started_at - started_at % ${HOUR_MS}`
const BY_DAY = `started_at - started_at % ${DAY_MS}`
const BY_MONTH = `unixepoch(started_at / 1000, 'unixepoch', 'start of month') * 1000`
const ALL = `member, gateway_key, COALESCE(model, '') AS model, COALESCE(upstream, 0) AS upstream, kind`

/** The number of each cube of `sums`, and what it tells apart. */
const CUBES: readonly (readonly [number, string])[] = [
  [1, `${BY_HOUR} AS at, ${ALL}`],
  [2, `${BY_DAY} AS at, ${ALL}`],
  [3, `${BY_MONTH} AS at, ${ALL}`],
  [4, `${BY_DAY} AS at, member, gateway_key, '' AS model, 0 AS upstream, '' AS kind`],
  [
    5,
    `${BY_DAY} AS at, 0 AS member, 0 AS gateway_key, COALESCE(model, '') AS model, COALESCE(upstream, 0) AS upstream, kind`,
  ],
  [6, `${BY_HOUR} AS at, 0 AS member, 0 AS gateway_key, '' AS model, 0 AS upstream, '' AS kind`],
  [7, `${BY_MONTH} AS at, member, gateway_key, '' AS model, 0 AS upstream, '' AS kind`],
  [
    8,
    `${BY_MONTH} AS at, 0 AS member, 0 AS gateway_key, COALESCE(model, '') AS model, COALESCE(upstream, 0) AS upstream, kind`,
  ],
  [9, `${BY_DAY} AS at, member, gateway_key, COALESCE(model, '') AS model, 0 AS upstream, '' AS kind`],
  [10, `${BY_MONTH} AS at, member, gateway_key, COALESCE(model, '') AS model, 0 AS upstream, '' AS kind`],
]

function cubeOf(folder: string, cube: number, group: string): Promise<readonly FileRow[]> {
  return rowsIn(
    folder,
    `SELECT ${cube} AS cube, ${group}, COUNT(*) AS requests, SUM(precision <> 'exact') AS inexact, ${summed(FIGURES)}
     FROM calls WHERE ended_at IS NOT NULL AND ending <> 'refused' GROUP BY 1, 2, 3, 4, 5, 6, 7`,
  )
}

function connectionsBy(folder: string, length: number): Promise<readonly FileRow[]> {
  return rowsIn(
    folder,
    `SELECT ${length} AS length_ms, started_at - started_at % ${length} AS at, member, COUNT(*) AS connections,
       SUM(client_messages) AS client_messages, SUM(upstream_messages) AS upstream_messages
     FROM connections GROUP BY 1, 2, 3`,
  )
}

function summed(columns: readonly string[]): string {
  return columns.map((column) => `SUM(${column}) AS ${column}`).join(', ')
}

/** Resolves when a gateway that serves has moved what is fresh of the sums to where they stay. */
export async function foldedSums(folder: string): Promise<void> {
  const fresh = async (): Promise<number> => (await rowsIn(folder, 'SELECT 1 FROM fresh_sums LIMIT 1')).length
  await until(async () => ((await fresh()) === 0 ? true : undefined), 120_000)
}

/** The same rows in whatever order. */
function expectSame(found: readonly FileRow[], expected: readonly FileRow[], what: string): void {
  ok(found.length > 0)
  const lines = (rows: readonly FileRow[]): readonly string[] =>
    rows.map((row) => JSON.stringify(Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1)))).toSorted()
  deepEqual(lines(found), lines(expected), what)
}
