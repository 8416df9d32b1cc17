import { stripVTControlCharacters, styleText } from 'node:util'
import { callUsd } from '../core/call-usd.ts'
import { creditsText, type EpochMs } from '../core/units.ts'
import type { NanoUsd } from '../core/usd.ts'
import type { CallRow, ConnectionRow, GatewayKey, Member, MemberUsage, Upstream } from '../ports.ts'
import { usdText, visible } from './lines.ts'

/** One column: what stands above it and in it, and how it is set. */
export interface Column<T> {
  readonly title: string
  readonly of: (row: T) => string | number
  /** Numbers stand to the right. */
  readonly right?: boolean
  readonly paint?: (row: T) => 'green' | 'red' | 'yellow' | 'dim' | undefined
}

/** Rows under each other for people; without colour it is plain text. */
export function table<T>(columns: readonly Column<T>[], rows: readonly T[], colour: boolean): string {
  const cells = rows.map((row) => columns.map((column) => visible(String(column.of(row)))))
  const widths = columns.map(({ title }, at) => Math.max(title.length, ...cells.map((line) => widthOf(line[at] ?? ''))))
  const set = (text: string, at: number) => {
    const space = ' '.repeat((widths[at] ?? 0) - widthOf(text))
    if (columns[at]?.right === true) return space + text
    return at === columns.length - 1 ? text : text + space
  }
  const head = columns.map(({ title }, at) => set(title, at)).join('  ')
  const body = rows.map((row, number) =>
    columns
      .map((column, at) => {
        const text = set(cells[number]?.[at] ?? '', at)
        const style = colour ? column.paint?.(row) : undefined
        return style === undefined ? text : styleText(style, text, { validateStream: false })
      })
      .join('  '),
  )
  return [colour ? styleText('bold', head, { validateStream: false }) : head, ...body, ''].join('\n')
}

/** In characters, near enough for names. */
function widthOf(text: string): number {
  return Array.from(stripVTControlCharacters(text)).length
}

const NUMBERS = new Intl.NumberFormat('en-US')
export const wholeNumber = (value: number): string => NUMBERS.format(value)
export function instantCell(at: EpochMs | undefined): string {
  return at === undefined ? '-' : `${new Date(at).toISOString().slice(0, 19)}Z`
}
/** A sum of dollars, with a sign before it where it is the least that was spent; `-` where nothing of it is known. */
export function usdCell({ usd, unpriced }: { readonly usd: NanoUsd; readonly unpriced: number }): string {
  if (unpriced === 0) return creditsText(usd)
  return usd === 0n ? '-' : `≥${creditsText(usd)}`
}
const unlimited = (text: string) => (text === '0' ? 'unlimited' : text)
const state = (enabled: boolean) => (enabled ? 'enabled' : 'disabled')
const stateColour = (row: { readonly enabled: boolean }) => (row.enabled ? 'green' : 'red')

export const MEMBER_COLUMNS: readonly Column<Member>[] = [
  { title: 'MEMBER', of: (row) => row.name },
  { title: 'STATE', of: (row) => state(row.enabled), paint: stateColour },
  { title: 'WEIGHT', of: (row) => row.weight, right: true },
  { title: 'AT ONCE', of: (row) => unlimited(String(row.maxConcurrent)), right: true },
  { title: '5-HOUR QUOTA', of: (row) => unlimited(creditsText(row.fiveHourQuota)), right: true },
  { title: 'WEEKLY QUOTA', of: (row) => unlimited(creditsText(row.weeklyQuota)), right: true },
  { title: 'MODELS', of: (row) => row.models?.join(',') ?? 'all' },
]

export const GATEWAY_KEY_COLUMNS: readonly Column<GatewayKey & { readonly memberName: string }>[] = [
  { title: 'PREFIX', of: (row) => row.prefix },
  { title: 'MEMBER', of: (row) => row.memberName },
  { title: 'STATE', of: (row) => state(row.enabled), paint: stateColour },
  { title: 'CREATED', of: (row) => instantCell(row.createdAt) },
  { title: 'EXPIRES', of: (row) => instantCell(row.expiresAt) },
  { title: 'LAST USED', of: (row) => instantCell(row.lastUsedAt) },
]

export const UPSTREAM_COLUMNS: readonly Column<Upstream>[] = [
  { title: 'UPSTREAM KEY', of: (row) => row.name },
  { title: 'STATE', of: (row) => state(row.enabled), paint: stateColour },
  { title: 'SERVES', of: (row) => [row.http ? 'http' : '', row.ws ? 'ws' : ''].filter(Boolean).join('+') },
  { title: 'WEIGHT', of: (row) => row.weight, right: true },
  { title: 'AT ONCE', of: (row) => unlimited(String(row.maxConcurrent)), right: true },
  { title: 'ORGANIZATION', of: (row) => row.organization ?? '-' },
  { title: 'PROJECT', of: (row) => row.project ?? '-' },
  { title: 'MODELS', of: (row) => row.models?.join(',') ?? 'all' },
  { title: 'BASE URL', of: (row) => row.baseUrl ?? '-' },
]

export const USAGE_COLUMNS: readonly Column<MemberUsage>[] = [
  { title: 'MEMBER', of: (row) => row.name },
  { title: 'CREDITS', of: (row) => creditsText(row.credits), right: true },
  { title: 'USD', of: usdCell, right: true },
  { title: 'INPUT', of: (row) => wholeNumber(row.inputTokens), right: true },
  { title: 'CACHED', of: (row) => wholeNumber(row.cachedInputTokens), right: true },
  { title: 'OUTPUT', of: (row) => wholeNumber(row.outputTokens), right: true },
  { title: 'TOTAL', of: (row) => wholeNumber(row.totalTokens), right: true },
  { title: 'REQUESTS', of: (row) => wholeNumber(row.requests), right: true },
  { title: 'MESSAGES', of: (row) => wholeNumber(row.messages), right: true },
]

export const CALL_COLUMNS: readonly Column<CallRow>[] = [
  { title: 'STARTED', of: (row) => instantCell(row.startedAt) },
  { title: 'MEMBER', of: (row) => row.member },
  { title: 'KIND', of: (row) => row.kind },
  { title: 'MODEL', of: (row) => row.model ?? '-' },
  { title: 'UPSTREAM', of: (row) => row.upstream ?? '-' },
  { title: 'STATUS', of: (row) => row.status ?? '-', right: true },
  { title: 'ENDING', of: endingCell, paint: endingColour },
  { title: 'INPUT', of: (row) => wholeNumber(row.inputTokens), right: true },
  { title: 'CACHED', of: (row) => wholeNumber(row.cachedInputTokens), right: true },
  { title: 'OUTPUT', of: (row) => wholeNumber(row.outputTokens), right: true },
  { title: 'CREDITS', of: (row) => creditsText(row.credits), right: true },
  { title: 'USD', of: (row) => usdText(callUsd(row)) ?? '-', right: true },
  { title: 'MS', of: (row) => (row.durationMs === undefined ? '-' : wholeNumber(row.durationMs)), right: true },
]

export const CONNECTION_COLUMNS: readonly Column<ConnectionRow>[] = [
  { title: 'STARTED', of: (row) => instantCell(row.startedAt) },
  { title: 'ENDED', of: (row) => instantCell(row.endedAt) },
  { title: 'MEMBER', of: (row) => row.member },
  { title: 'PATH', of: (row) => row.path },
  { title: 'UPSTREAM', of: (row) => row.upstream ?? '-' },
  { title: 'FROM CLIENT', of: (row) => wholeNumber(row.clientMessages), right: true },
  { title: 'FROM UPSTREAM', of: (row) => wholeNumber(row.upstreamMessages), right: true },
  { title: 'CODE', of: (row) => row.code ?? '-', right: true },
  { title: 'REASON', of: (row) => row.reason ?? 'open' },
]

function endingCell(call: CallRow): string {
  const ending = call.refusal ?? call.ending ?? 'open'
  return call.wouldRefuse === undefined ? ending : `${ending}, not ${call.wouldRefuse}`
}

function endingColour(call: CallRow): 'green' | 'red' | 'yellow' | undefined {
  if (call.ending === undefined) return undefined
  if (call.ending === 'complete') return (call.status ?? 0) < 400 ? 'green' : 'red'
  return call.ending === 'client-left' || call.ending === 'refused' ? 'yellow' : 'red'
}
