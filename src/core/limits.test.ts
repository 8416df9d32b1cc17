import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { limitEvent, limitHeaders } from './limits.ts'
import { windowsFor } from './member-windows.ts'
import { NO_RULES } from './quota.ts'

const CREDIT = 1_000_000_000n

function placesOf(limits: { five?: bigint; daily?: bigint; weekly?: bigint; monthly?: bigint }): readonly unknown[] {
  const { five = 0n, daily = 0n, weekly = 0n, monthly = 0n } = limits
  const windows = windowsFor({ fiveHourQuota: five, weeklyQuota: weekly }, { ...NO_RULES, daily, monthly })
  const standing = {
    windows: windows.map((window) => ({ ...window, settled: CREDIT / 2n, openedAt: 0, resetsAt: window.lengthMs })),
  }
  const headers = limitHeaders(standing)
  const minutes = (place: string): number | undefined => {
    const at = headers.indexOf(`x-codex-${place}-window-minutes`)
    return at === -1 ? undefined : Number(headers[at + 1])
  }
  const event = limitEvent(standing)
  const told = event === undefined ? {} : (JSON.parse(event) as { rate_limits: Record<string, unknown> }).rate_limits
  const [primary, secondary] = [minutes('primary'), minutes('secondary')]
  for (const [place, length] of [
    ['primary', primary],
    ['secondary', secondary],
  ] as const) {
    equal((told[place] as { window_minutes: number } | null | undefined)?.window_minutes, length)
  }
  return [primary, secondary]
}

suite('the limits that Codex is told', () => {
  test('are those of 5 hours and a week, else those of a day and a month', () => {
    deepEqual(placesOf({ five: CREDIT, weekly: CREDIT, daily: CREDIT, monthly: CREDIT }), [300, 10_080])
    deepEqual(placesOf({ weekly: CREDIT, daily: CREDIT }), [1440, 10_080])
    deepEqual(placesOf({ five: CREDIT, monthly: CREDIT }), [300, 43_200])
    deepEqual(placesOf({ daily: CREDIT }), [1440, undefined])
    deepEqual(placesOf({}), [undefined, undefined])
  })
})
