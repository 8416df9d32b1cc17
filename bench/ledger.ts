/** `npm run bench:ledger`: what a call costs the ledger and how long reports take, when it is empty and when it is old. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openBareLedger } from './bare-ledger.ts'
import { costAt, type CallLedger, type LedgerCost, type Manner } from './ledger-cost.ts'
import { timeReports, type ReportTime } from './ledger-reports.ts'
import { makeTraffic, openLedger, type Traffic } from './ledger-traffic.ts'
import { provenance } from './machine.ts'
import { pageWith } from './page.ts'

const USAGE = `npm run bench:ledger -- [--rows N] [--days N] [--members N] [--seconds N] [--write]

  --rows N      calls in the ledger (10000000)
  --days N      over so many days (365)
  --members N   of so many members (100)
  --seconds N   how long calls are run at each pace (10)
  --write       writes the tables into bench/README.md
`

const README = join(import.meta.dirname, 'README.md')
const RATE = 2000
const MOST_CPU_US = 100
/** A pace at which the end of an answer, which waits for its settlement, may come so much later, at p99. */
const EASY_RATE = 500
const MOST_SETTLE_MS = 1
const MOST_REPORT_MS = 200
/** Fewer days than these have tables of their own. */
const YEAR_DAYS = 365

interface Options {
  readonly traffic: Traffic
  readonly seconds: number
  readonly write: boolean
}

/** Throws an Error with a sentence for whoever typed it. */
function optionsOf(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: 'string', default: '10000000' },
      days: { type: 'string', default: '365' },
      members: { type: 'string', default: '100' },
      seconds: { type: 'string', default: '10' },
      write: { type: 'boolean', default: false },
    },
  })
  const [rows, days, members, seconds] = (['rows', 'days', 'members', 'seconds'] as const).map((name) => {
    const count = Number(values[name])
    if (!Number.isSafeInteger(count) || count < 1) throw new Error(`--${name}: must be a whole number above 0`)
    return count
  })
  const traffic = { rows: rows ?? 1, days: days ?? 1, members: members ?? 1, upstreams: 6 }
  return { traffic, seconds: seconds ?? 1, write: values.write }
}

function tell(text: string): void {
  process.stderr.write(`${text}\n`)
}

interface Costs {
  readonly full: LedgerCost
  readonly easy: LedgerCost
}

async function costsOf(ledger: CallLedger, { traffic, seconds }: Options, manner: Manner = 'usual'): Promise<Costs> {
  const { members, upstreams } = traffic
  const at = async (rate: number): Promise<LedgerCost> => {
    const cost = await costAt(ledger, { rate, seconds, members, upstreams, manner })
    tell(`${cost.cpuUs.toFixed(1)} µs a call at ${Math.round(cost.callsPerSecond)} calls/s`)
    return cost
  }
  return { full: await at(RATE), easy: await at(EASY_RATE) }
}

async function costsIn(path: string, options: Options, manner: Manner = 'usual'): Promise<Costs> {
  await using store = await openLedger(path, 'serve', manner === 'usual' ? 'anchored' : 'rolling')
  return await costsOf(store.ledger, options, manner)
}

async function bareCosts(path: string, options: Options): Promise<Costs> {
  await using bare = openBareLedger(path)
  return await costsOf(bare.ledger, options)
}

async function run(options: Options): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'codex-gateway-ledger-'))
  const interrupted = (): void => {
    rmSync(folder, { recursive: true, force: true })
    process.exit(1)
  }
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  try {
    const { traffic } = options
    const [young, old] = [join(folder, 'young.db'), join(folder, 'old.db')]
    await makeTraffic(young, { ...traffic, rows: traffic.members * 10 }, Date.now(), () => {})
    const began = performance.now()
    const range = await makeTraffic(old, traffic, Date.now(), tell)
    tell(`made in ${Math.round((performance.now() - began) / 1000)} s, ${(statSync(old).size / 1e9).toFixed(1)} GB`)
    // The disk is done with what was made before anything is timed.
    execFileSync('sync')
    const bare = await bareCosts(join(folder, 'bare.db'), options)
    const costs = {
      bare,
      young: await costsIn(young, options),
      other: await costsIn(young, options, 'other'),
      old: await costsIn(old, options),
    }
    await using store = await openLedger(old, 'cli')
    const reports = await timeReports(store, range, tell)
    return `${provenance()}\n- Calls in the old ledger: ${whole(traffic.rows)}, over ${traffic.days} days, of ${traffic.members} members, in ${(statSync(old).size / 1e9).toFixed(1)} GB\n\n${costTable(costs)}\n${reportTable(reports)}`
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
    rmSync(folder, { recursive: true, force: true })
  }
}

function whole(count: number): string {
  return new Intl.NumberFormat('en-US').format(Math.round(count))
}

function costTable({ bare, young, other, old }: Readonly<Record<'bare' | 'young' | 'other' | 'old', Costs>>): string {
  const line = (title: string, cost: LedgerCost, least: LedgerCost, judged: string): string =>
    `| ${title} | ${whole(cost.callsPerSecond)} | ${cost.cpuUs.toFixed(1)} | ${(cost.cpuUs / least.cpuUs).toFixed(2)} | ${milliseconds(cost.open)} | ${milliseconds(cost.settle)} | ${judged} |`
  const lines = (
    [
      ['nearly empty', young],
      ['the same, by messages, windows that roll', other],
      ['old', old],
    ] as const
  ).flatMap(([title, { full, easy }]) => [
    line(title, full, bare.full, `CPU: ${verdict(full.cpuUs, MOST_CPU_US)}`),
    line(title, easy, bare.easy, `settled: ${verdict(easy.settle.p99, MOST_SETTLE_MS)}`),
  ])
  return [
    '#### What a call costs the ledger',
    '',
    `Opened with its first try, and settled, in all threads: at most ${MOST_CPU_US} µs at ${whole(RATE)} calls a second. To make and pace a`,
    `call costs ${old.full.ownUs.toFixed(1)} µs more. The end of an answer waits for the settlement: at most ${MOST_SETTLE_MS} ms at p99 at ${EASY_RATE} calls a second.`,
    '',
    '| | calls/s | CPU, µs | ÷ bare | open p50 / p99, ms | settle p50 / p99, ms | |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    line('bare', bare.full, bare.full, ''),
    line('bare', bare.easy, bare.easy, ''),
    ...lines,
    '',
  ].join('\n')
}

function milliseconds({ p50, p99 }: LedgerCost['open']): string {
  return `${p50.toFixed(2)} / ${p99.toFixed(2)}`
}

function verdict(measured: number, most: number): string {
  return measured < most ? 'reached' : 'missed'
}

function reportTable(reports: readonly ReportTime[]): string {
  return [
    '#### How long reports take',
    '',
    `Milliseconds, median (least–most) of seven; at most ${MOST_REPORT_MS} ms where the answer itself has fewer than 10,000 rows.`,
    '',
    '| | rows | ms | |',
    '| --- | --- | --- | --- |',
    ...reports.map(({ title, rows, ms }) => {
      const judged = rows < 10_000 ? verdict(ms.median, MOST_REPORT_MS) : ''
      const times = `${ms.median.toFixed(1)} (${ms.least.toFixed(1)}–${ms.most.toFixed(1)})`
      return `| ${title} | ${whole(rows)} | ${times} | ${judged} |`
    }),
    '',
  ].join('\n')
}

async function main(): Promise<number> {
  let options: Options
  try {
    options = optionsOf(process.argv.slice(2))
  } catch (cause) {
    tell(`${cause instanceof Error ? cause.message : String(cause)}\n\n${USAGE}`)
    return 2
  }
  const text = await run(options)
  process.stdout.write(text)
  const section = options.traffic.days < YEAR_DAYS ? 'ledger-month' : 'ledger'
  if (options.write) writeFileSync(README, await pageWith(readFileSync(README, 'utf8'), text, section))
  return 0
}

process.exitCode = await main()
