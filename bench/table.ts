import type { Figure } from './figures.ts'
import { added, cpuPer, over, WAYS, type ScenarioResult, type WayName } from './measure.ts'
import type { IdleResult } from './measure-idle.ts'
import { eventsOf, isPaced, type IdleScenario, type Scenario } from './scenarios.ts'
import type { LoadReport, Spread } from './tally.ts'

export interface Measured {
  readonly scenario: Scenario
  readonly result: ScenarioResult
}

export interface MeasuredIdle {
  readonly scenario: IdleScenario
  readonly result: IdleResult
}

/** The tables of a run, in Markdown. */
export function tables(all: readonly Measured[], idle: readonly MeasuredIdle[]): string {
  const targets = targetRows(all, idle)
  const parts = all.length === 0 ? [] : [...timeTable(all), '', ...costTable(all)]
  if (idle.length > 0) parts.push('\n### Memory of idle sockets\n', ...idleTable(idle))
  if (targets.length > 0) parts.push('\n### Targets\n', ...table(['', 'at most', 'measured', ''], targets))
  return `${parts.join('\n').trimStart()}\n`
}

function timeTable(all: readonly Measured[]): string[] {
  const head = ['', '', 'a second', 'to the first byte', 'in all', 'an event on its way', 'busy, %']
  return [
    '### Time\n',
    `Requests (or turns) a second. Milliseconds, p50 / p99; what nginx and the gateway add to the direct way has a sign.
Busy: load / upstream / proxy, each in percent of one processor.\n`,
    ...table(head, all.flatMap(timeRows)),
  ]
}

function costTable(all: readonly Measured[]): string[] {
  return [
    '### Cost\n',
    'Microseconds of processor time (least–most of the rounds), and the peak of resident memory.\n',
    ...table(['', 'nginx', 'gateway', 'per', 'gateway ÷ nginx', 'nginx, MB', 'gateway, MB'], all.flatMap(costRows)),
  ]
}

/** In kilobytes (10^3). */
function idleTable(idle: readonly MeasuredIdle[]): string[] {
  const kilobytes = ({ median, least, most }: Figure): string =>
    range({ median: median / 1000, least: least / 1000, most: most / 1000 })
  const rows = idle.flatMap(({ scenario: { title }, result: { nginx, gateway } }) => [
    [title, kilobytes(nginx.fresh), kilobytes(gateway.fresh)],
    ['after a turn each', kilobytes(nginx.used), kilobytes(gateway.used)],
  ])
  return [
    'Growth of resident memory for each pair of sockets (least–most of the rounds).\n',
    ...table(['', 'nginx, KB', 'gateway, KB'], rows),
  ]
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
    busy(result, name),
  ])
}

function busy(result: ScenarioResult, name: WayName): string {
  const { load, upstream, proxy } = {
    load: over(result[name], (round) => round.busy.load).median,
    upstream: over(result[name], (round) => round.busy.upstream).median,
    proxy: over(result[name], (round) => round.busy.proxy ?? Number.NaN).median,
  }
  return [load, upstream, ...(name === 'direct' ? [] : [proxy])].map((share) => Math.round(share * 100)).join(' / ')
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
  const [one, part] = scenario.over === 'http' ? ['request', 'event'] : ['turn', 'frame']
  const rows = [row(scenario.title, 1, one, memory)]
  if (events > 0) rows.push(row('', events, part, ['', '']))
  return rows
}

/** What was to be reached, as far as the run tells. */
function targetRows(all: readonly Measured[], idle: readonly MeasuredIdle[]): string[][] {
  const rows: string[][] = []
  const state = (title: string, most: number, measured: number, unit: string): void => {
    rows.push([title, `${most}${unit}`, `${digits(measured)}${unit}`, measured <= most ? 'reached' : 'missed'])
  }
  for (const { scenario, result } of all) {
    if (scenario.name === 'paced-400') {
      const ratio = cpuPer(result.gateway).median / cpuPer(result.nginx).median
      state('CPU per paced event, gateway ÷ nginx, 400 streams', 3, ratio, '')
    }
    if (scenario.name === 'ws-paced-400') {
      const ratio = cpuPer(result.gateway).median / cpuPer(result.nginx).median
      state('CPU per paced frame, gateway ÷ nginx, 400 WebSockets', 2.5, ratio, '')
    }
    if (scenario.name === 'json-1' || scenario.name === 'sse-1') {
      const first = added(result, 'gateway', (round) => round.firstByte.p50)
      state(`Added to the first byte, p50: ${scenario.title}`, 1, first.median / 1000, ' ms')
    }
    if (scenario.name === 'paced-1000') {
      state('Peak memory with 1,000 streams at once', 250, result.gateway.peakMegabytes ?? Number.NaN, ' MB')
    }
  }
  for (const { result } of idle) {
    state('Memory of an idle pair of WebSockets', 60, result.gateway.fresh.median / 1000, ' KB')
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
