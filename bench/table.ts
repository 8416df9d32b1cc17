import type { Figure } from './figures.ts'
import type { LoadReport, Spread } from './load.ts'
import { added, cpuPer, over, WAYS, type ScenarioResult, type WayName } from './measure.ts'
import { eventsOf, isPaced, type Scenario } from './scenarios.ts'

export interface Measured {
  readonly scenario: Scenario
  readonly result: ScenarioResult
}

/** The tables of a run, in Markdown. */
export function tables(all: readonly Measured[]): string {
  const targets = targetRows(all)
  const parts = [
    '### Time\n',
    'Milliseconds, p50 / p99; what nginx and the gateway add to the direct way has a sign.\n',
    ...table(['', '', 'requests/s', 'to the first byte', 'in all', 'an event on its way'], all.flatMap(timeRows)),
    '\n### Cost\n',
    'Microseconds of processor time (least–most of the rounds), and the peak of resident memory.\n',
    ...table(['', 'nginx', 'gateway', 'per', 'gateway ÷ nginx', 'nginx, MB', 'gateway, MB'], all.flatMap(costRows)),
  ]
  if (targets.length > 0) parts.push('\n### Targets\n', ...table(['', 'at most', 'measured', ''], targets))
  return `${parts.join('\n')}\n`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)]
}

function timeRows({ scenario, result }: Measured): string[][] {
  return WAYS.map((name) => [
    name === 'direct' ? scenario.title : '',
    name,
    isPaced(scenario) ? '' : digits(over(result[name], ({ requests, seconds }) => requests / seconds).median),
    times(result, name, (round) => round.firstByte),
    isPaced(scenario) ? '' : times(result, name, (round) => round.total),
    result[name].rounds.every((round) => round.event)
      ? times(result, name, (round) => round.event ?? NOT_MEASURED)
      : '',
  ])
}

const NOT_MEASURED: Spread = { p50: Number.NaN, p99: Number.NaN }

function times(result: ScenarioResult, name: WayName, spread: (round: LoadReport) => Spread): string {
  const both = [(round: LoadReport) => spread(round).p50, (round: LoadReport) => spread(round).p99]
  if (name === 'direct') return both.map((figure) => digits(over(result.direct, figure).median / 1000)).join(' / ')
  return both.map((figure) => signed(added(result, name, figure).median / 1000)).join(' / ')
}

function costRows({ scenario, result }: Measured): string[][] {
  const events = eventsOf(scenario)
  const { nginx, gateway } = result
  const row = (title: string, per: number, unit: string, memory: readonly string[]): string[] => {
    const [theirs, ours] = [cpuPer(nginx, per), cpuPer(gateway, per)]
    return [title, range(theirs), range(ours), unit, digits(ours.median / theirs.median), ...memory]
  }
  const memory = [digits(nginx.peakMegabytes ?? Number.NaN), digits(gateway.peakMegabytes ?? Number.NaN)]
  const rows = [row(scenario.title, 1, 'request', memory)]
  if (events > 0) rows.push(row('', events, 'event', ['', '']))
  return rows
}

/** What was to be reached, as far as the run tells. */
function targetRows(all: readonly Measured[]): string[][] {
  const rows: string[][] = []
  const state = (title: string, most: number, measured: number, unit: string): void => {
    rows.push([title, `${most}${unit}`, `${digits(measured)}${unit}`, measured <= most ? 'reached' : 'missed'])
  }
  for (const { scenario, result } of all) {
    if (scenario.name === 'paced-400') {
      const ratio = cpuPer(result.gateway).median / cpuPer(result.nginx).median
      state('CPU per paced event, gateway ÷ nginx, 400 streams', 3, ratio, '')
    }
    if (scenario.name === 'json-1' || scenario.name === 'sse-1') {
      const first = added(result, 'gateway', (round) => round.firstByte.p50)
      state(`Added to the first byte, p50: ${scenario.title}`, 1, first.median / 1000, ' ms')
    }
    if (scenario.name === 'paced-1000') {
      state('Peak memory with 1,000 streams at once', 250, result.gateway.peakMegabytes ?? Number.NaN, ' MB')
    }
  }
  return rows
}

function range({ median, least, most }: Figure): string {
  return `${digits(median)} (${digits(least)}–${digits(most)})`
}

function signed(value: number): string {
  return value < 0 ? `−${digits(-value)}` : `+${digits(value)}`
}

/** Three digits that count. */
function digits(value: number): string {
  const places = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toLocaleString('en-US', { maximumFractionDigits: places, minimumFractionDigits: places })
}
