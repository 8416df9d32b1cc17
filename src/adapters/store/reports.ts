import type { CallFilter, CallRow, Page, PageMark, PageRange, TailMark, TailNews } from '../../ports.ts'
import { callRowOf, choose, shown, wantedBy } from './call-rows.ts'
import { int, maybeInt, only, sql, type Row, type Script } from './sql.ts'

/** Throws a RegistryError when the filter names a member or an upstream key that does not exist. */
export function* callsReport(filter: CallFilter & { readonly limit: number }): Script<readonly CallRow[]> {
  const limit = Math.max(0, Math.trunc(filter.limit))
  const newest = sql`SELECT * FROM calls WHERE ${undefined} ORDER BY started_at DESC, seq DESC LIMIT ${limit}`
  const rows = yield shown(choose(newest, yield* wantedBy(filter)))
  return rows.toSorted((one, other) => byTime(other, one)).map(callRowOf)
}

function byTime(one: Row, other: Row): number {
  return int(one, 'started_at') - int(other, 'started_at') || int(one, 'seq') - int(other, 'seq')
}

/** By the index of time, from wherever the page before ended: the last page is as quick as the first. */
export function* callsPage({ since, until }: PageRange, after: PageMark | undefined, limit: number): Script<Page> {
  const from = after ?? { startedAt: since, seq: -1 }
  const rows = yield shown(sql`
    SELECT * FROM calls WHERE (started_at, seq) > (${from.startedAt}, ${from.seq}) AND started_at < ${until}
    ORDER BY started_at, seq LIMIT ${limit}`)
  const ordered = rows.toSorted(byTime)
  const last = ordered.at(-1)
  return {
    calls: ordered.map(callRowOf),
    mark: last && { startedAt: int(last, 'started_at'), seq: int(last, 'seq') },
  }
}

/** More open calls than this are seldom at once; of those beyond nobody is told. */
const MOST_WATCHED = 10_000
/** So many a time, in the order in which they were opened. */
const MOST_NEW = 1_000

/** Settled calls since the mark: those that were open then, and those that came later. */
export function* callsTail(mark: TailMark | undefined): Script<TailNews> {
  if (!mark) {
    const last = yield* only(sql`SELECT COALESCE(MAX(seq), 0) AS seq FROM calls`)
    const open = yield sql`SELECT seq FROM calls WHERE ended_at IS NULL`
    return { mark: { seen: int(last, 'seq'), open: open.map((row) => int(row, 'seq')) }, calls: [] }
  }
  const rows = yield shown(sql`
    SELECT * FROM calls WHERE seq IN (SELECT value FROM json_each(${JSON.stringify(mark.open)}))
    UNION ALL
    SELECT * FROM (SELECT * FROM calls WHERE seq > ${mark.seen} ORDER BY seq LIMIT ${MOST_NEW})`)
  const settled = rows.filter((row) => maybeInt(row, 'ended_at') !== undefined)
  const open = rows.filter((row) => maybeInt(row, 'ended_at') === undefined).map((row) => int(row, 'seq'))
  return {
    mark: { seen: Math.max(mark.seen, ...rows.map((row) => int(row, 'seq'))), open: open.slice(-MOST_WATCHED) },
    calls: settled.toSorted((one, other) => int(one, 'ended_at') - int(other, 'ended_at')).map(callRowOf),
  }
}
