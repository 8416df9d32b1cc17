import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Log } from '../ports.ts'
import { Notices } from './notices.ts'

const HOUR_MS = 3_600_000

suite('notices', () => {
  test('tell each thing once an hour, and know for an hour what they have seen', () => {
    let [now, told] = [0, 0]
    const quiet = (): void => undefined
    const log: Log = { debug: quiet, info: quiet, error: quiet, warn: () => void (told += 1) }
    const notices = new Notices(log, () => now)
    notices.warn('priced', 'model a')
    notices.warn('priced', 'model a')
    notices.warn('priced', 'model b')
    notices.warn('other', 'model c')
    equal(told, 3)
    deepEqual(notices.recent('priced'), ['model a', 'model b'])
    now = HOUR_MS - 1
    notices.warn('priced', 'model a')
    now = HOUR_MS
    deepEqual([told, notices.recent('priced')], [3, ['model a']])
    now = 2 * HOUR_MS - 1
    deepEqual(notices.recent('priced'), [])
    notices.warn('priced', 'model a')
    equal(told, 4)
  })

  test('show a few of many', () => {
    const quiet = (): void => undefined
    const notices = new Notices({ debug: quiet, info: quiet, error: quiet, warn: quiet }, () => 0)
    for (let at = 0; at < 2000; at++) notices.warn('priced', `model ${at}`)
    const recent = notices.recent('priced')
    deepEqual([recent.length, recent.at(-1)], [20, 'model 1999'])
  })
})
