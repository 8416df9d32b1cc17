import { deepEqual, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { loadConfig } from './config.ts'

const settingsWith = (env: Readonly<Record<string, string>>) => loadConfig({ path: undefined, env }).reconcile

suite('the settings of the daily reconciliation', () => {
  test('are off unless a time of day is given', () => {
    deepEqual(settingsWith({}), { dailyAtMs: undefined, threshold: 2, settleMs: 14_400_000 })
    const env = {
      CODEX_GATEWAY_RECONCILE_DAILY_AT: '06:30',
      CODEX_GATEWAY_RECONCILE_THRESHOLD_PERCENT: '0.5',
      CODEX_GATEWAY_RECONCILE_SETTLE_SECS: '60',
    }
    deepEqual(settingsWith(env), { dailyAtMs: 23_400_000, threshold: 0.5, settleMs: 60_000 })
  })

  for (const wrong of ['24:00', '6:30', '06:60', 'noon']) {
    test(`refuse ${wrong} for one`, () => {
      throws(
        () => settingsWith({ CODEX_GATEWAY_RECONCILE_DAILY_AT: wrong }),
        /must be empty, or hours and minutes, such as/,
      )
    })
  }
})
