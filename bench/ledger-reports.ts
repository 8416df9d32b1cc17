/** How long reports over a long ledger take. */
import type { Store } from '../src/adapters/store/store.ts'
import { DAY_MS, HOUR_MS } from '../src/core/calendar.ts'
import { figureOf, type Figure } from './figures.ts'
import type { UsageDimension } from '../src/ports.ts'

export interface ReportTime {
  readonly title: string
  readonly rows: number
  readonly ms: Figure
}

const ROUNDS = 7

const LONG: readonly (readonly UsageDimension[])[] = [
  [],
  ['member'],
  ['model'],
  ['member', 'model'],
  ['upstream', 'kind'],
  ['member', 'key', 'model', 'upstream', 'kind'],
  ['day'],
  ['day', 'member'],
  ['day', 'model', 'kind'],
  ['hour'],
  ['day', 'member', 'model'],
]

/** Reads all of the ledger in many ways, and parts of it. */
export async function timeReports(
  store: Store,
  { from, to }: { readonly from: number; readonly to: number },
  tell: (text: string) => void,
): Promise<readonly ReportTime[]> {
  const whole = { from: from - (from % HOUR_MS), to: to - (to % HOUR_MS) + HOUR_MS }
  const days = Math.round((to - from) / DAY_MS)
  const month = { from: Math.max(whole.from, whole.to - 30 * DAY_MS), to: whole.to }
  const { reports } = store
  const times: ReportTime[] = []
  const time = async (title: string, read: () => Promise<readonly unknown[]>): Promise<void> => {
    const rounds: number[] = []
    let rows = 0
    for (let round = 0; round < ROUNDS; round += 1) {
      const began = performance.now()
      rows = (await read()).length
      rounds.push(performance.now() - began)
    }
    times.push({ title, rows, ms: figureOf(rounds) })
    tell(`${title}: ${figureOf(rounds).median.toFixed(1)} ms, ${rows} rows`)
  }
  const today = whole.to - (whole.to % DAY_MS)
  await time('`usage` (today)', () => reports.usage(today, today + DAY_MS))
  await time(`\`usage\`, ${days} days`, () => reports.usage(whole.from, whole.to))
  for (const by of LONG) {
    const how = by.length === 0 ? 'in all' : `\`--by ${by.join(',')}\``
    await time(`${how}, ${days} days`, () => reports.usageBy({ ...whole, by }))
  }
  const all: readonly UsageDimension[] = ['day', 'member', 'key', 'model', 'upstream', 'kind']
  await time(`\`--by member,upstream,day\`, 30 days`, () =>
    reports.usageBy({ ...month, by: ['member', 'upstream', 'day'] }),
  )
  await time(`\`--by ${all.join(',')}\`, 30 days`, () => reports.usageBy({ ...month, by: all }))
  await time('`calls`', () => reports.calls({ member: undefined, limit: 50 }))
  await time('`calls --member`', () => reports.calls({ member: 'member-7', limit: 50 }))
  return times
}
