import { deepEqual } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { windowsFor } from './member-windows.ts'
import { NO_RULES, FIVE_HOURS_MS, WEEK_MS, type WindowMode } from './quota.ts'
import { Replay } from './replay.ts'

const HOUR = 3_600_000

/** Which of the calls would have been refused, and by what; each is [hour of admission, credits, hours that it runs]. */
function replayed(
  calls: readonly (readonly [number, bigint, number?])[],
  { five = 100n, weekly = 0n, mode = 'anchored' as WindowMode, opens = true } = {},
): readonly (string | undefined)[] {
  const windows = windowsFor({ fiveHourQuota: five, weeklyQuota: weekly, quotaWindow: mode }, NO_RULES)
  const replay = new Replay(windows)
  return calls.map(([hour, credits, runs = 0]) =>
    replay.take({ admittedAt: hour * HOUR, endedAt: (hour + runs) * HOUR, credits, opensWindows: opens }),
  )
}

const [LENGTH, WEEK] = [FIVE_HOURS_MS / HOUR, WEEK_MS / HOUR]

suite('a replay of past calls', () => {
  test('refuses what comes when a window is spent, and counts nothing of that', () => {
    deepEqual(
      replayed([
        [0, 60n],
        [1, 60n],
        [2, 60n],
        [LENGTH - 0.1, 1n],
        [LENGTH, 99n],
        [LENGTH + 1, 1n],
        [LENGTH + 2, 1n],
      ]),
      [undefined, undefined, '5h', '5h', undefined, undefined, '5h'],
    )
  })

  test('counts a call when it ended, in the window that it was admitted in', () => {
    deepEqual(
      replayed([
        [0, 200n, 3],
        [1, 1n],
        [2.9, 1n],
        [3, 1n],
      ]),
      [undefined, undefined, undefined, '5h'],
    )
    deepEqual(
      replayed([
        [0, 200n, LENGTH + 1],
        [LENGTH, 1n],
        [LENGTH + 2, 1n],
      ]),
      [undefined, undefined, undefined],
    )
    // The later one ends first.
    deepEqual(
      replayed([
        [0, 60n, 4],
        [1, 100n, 1],
        [3, 1n],
        [4.5, 1n],
      ]),
      [undefined, undefined, '5h', '5h'],
    )
  })

  test('names the window that resets last', () => {
    const limits = { five: 100n, weekly: 150n }
    deepEqual(
      replayed(
        [
          [0, 200n],
          [1, 1n],
          [LENGTH, 1n],
          [WEEK - 0.5, 1n],
          [WEEK, 1n],
        ],
        limits,
      ),
      [undefined, 'weekly', 'weekly', 'weekly', undefined],
    )
  })

  test('lets windows roll where they do, spend leaving them with its minute', () => {
    const mode = 'rolling'
    const minute = 1 / 60
    deepEqual(
      replayed(
        [
          [0, 60n],
          [3, 60n],
          [4, 1n],
          [LENGTH, 1n],
          [LENGTH + minute, 1n],
          [LENGTH + 1, 60n],
          [LENGTH + 2, 1n],
          [LENGTH + 3 + minute, 1n],
        ],
        { mode },
      ),
      [undefined, undefined, '5h', '5h', undefined, undefined, '5h', undefined],
    )
    const limits = { five: 100n, weekly: 150n, mode } as const
    deepEqual(
      replayed(
        [
          [0, 200n],
          [1, 1n],
        ],
        limits,
      ),
      [undefined, 'weekly'],
    )
  })

  test('opens no window for a warm-up', () => {
    deepEqual(
      replayed(
        [
          [0, 200n],
          [1, 1n],
        ],
        { opens: false },
      ),
      [undefined, undefined],
    )
  })
})
