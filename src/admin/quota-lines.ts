/** `admin quota` for people and for scripts. */
import { leftIn, usedPercent } from '../core/limits.ts'
import { runsOutAt } from '../core/pace.ts'
import { creditsText } from '../core/units.ts'
import type { QuotaAdjustment, QuotaView, WindowView } from '../ports.ts'
import { instant, pairs } from './lines.ts'
import { instantCell, table, type Column } from './table.ts'

/** One line for each window, then one for each adjustment. */
export function quotaLines(view: QuotaView): readonly string[] {
  return [
    ...view.windows.map((window) => windowLine(view, window)),
    ...view.adjustments.map((made) => adjustmentLine(view.member, made)),
  ]
}

function windowLine({ member, at }: QuotaView, window: WindowView): string {
  const limited = window.limit > 0n
  const figures = pairs({
    limit: limited ? creditsText(window.limit) : 'unlimited',
    granted: window.granted > 0n ? creditsText(window.granted) : undefined,
    used: creditsText(window.settled),
    held: creditsText(window.held),
    left: limited ? creditsText(leftIn(window)) : undefined,
    used_percent: limited ? usedPercent(window) : undefined,
    resets_at: instant(window.resetsAt),
    runs_out_at: instant(runsOutAt(window, at)),
  })
  return `${member} ${window.name}: ${figures}`
}

export function adjustmentLine(member: string, made: QuotaAdjustment): string {
  const facts = pairs({
    member,
    window: made.window,
    credits: creditsText(made.credits),
    until: instant(made.until),
    who: made.who,
    why: made.why === undefined ? undefined : JSON.stringify(made.why),
  })
  return `${instant(made.at)} ${made.kind}: ${facts}`
}

/** Two tables, the second where there is something in it. */
export function quotaTables(view: QuotaView, colour: boolean): string {
  const windows = table(windowColumns(view.at), view.windows, colour)
  return view.adjustments.length === 0 ? windows : `${windows}\n${table(ADJUSTMENT_COLUMNS, view.adjustments, colour)}`
}

function windowColumns(at: number): readonly Column<WindowView>[] {
  return [
    { title: 'WINDOW', of: (row) => row.name },
    { title: 'LIMIT', of: (row) => (row.limit === 0n ? 'unlimited' : creditsText(row.limit)), right: true },
    { title: 'GRANTED', of: (row) => (row.granted === 0n ? '-' : creditsText(row.granted)), right: true },
    { title: 'USED', of: (row) => creditsText(row.settled), right: true },
    { title: 'HELD', of: (row) => creditsText(row.held), right: true },
    { title: 'LEFT', of: (row) => (row.limit === 0n ? '-' : creditsText(leftIn(row))), right: true, paint: roomColour },
    { title: '%', of: (row) => (row.limit === 0n ? '-' : usedPercent(row)), right: true },
    { title: 'RESETS', of: (row) => instantCell(row.resetsAt) },
    { title: 'RUNS OUT', of: (row) => instantCell(runsOutAt(row, at)) },
  ]
}

function roomColour(window: WindowView): 'green' | 'red' | undefined {
  if (window.limit === 0n) return undefined
  return leftIn(window) === 0n ? 'red' : 'green'
}

const ADJUSTMENT_COLUMNS: readonly Column<QuotaAdjustment>[] = [
  { title: 'WHEN', of: (row) => instantCell(row.at) },
  { title: 'WHAT', of: (row) => row.kind },
  { title: 'WINDOW', of: (row) => row.window },
  { title: 'CREDITS', of: (row) => creditsText(row.credits), right: true },
  { title: 'UNTIL', of: (row) => instantCell(row.until) },
  { title: 'WHO', of: (row) => row.who },
  { title: 'WHY', of: (row) => row.why ?? '-' },
]
