import { equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { runsOutAt } from './pace.ts'
import { FIVE_HOURS_MS } from './quota.ts'

suite('the pace of a window', () => {
  const window = { lengthMs: FIVE_HOURS_MS, limit: 100n, since: 0, resetsAt: FIVE_HOURS_MS } as const
  const hour = 3_600_000

  test('says when it will be spent', () => {
    equal(runsOutAt({ ...window, settled: 50n }, hour), 2 * hour)
    equal(runsOutAt({ ...window, settled: 99n }, hour), hour + Math.ceil(hour / 99))
  })

  test('says nothing of a window that lasts until its reset, is spent, not open, not begun or not limited', () => {
    equal(runsOutAt({ ...window, settled: 20n }, hour), undefined, 'it resets in the moment it would be spent')
    equal(runsOutAt({ ...window, settled: 21n }, hour), hour + Math.ceil((79 * hour) / 21))
    equal(runsOutAt({ ...window, settled: 100n }, hour), undefined)
    equal(runsOutAt({ ...window, settled: 0n }, hour), undefined)
    equal(runsOutAt({ ...window, limit: 0n, settled: 5n }, hour), undefined)
    equal(runsOutAt({ ...window, settled: 5n, since: undefined, resetsAt: undefined }, hour), undefined)
  })

  test('says nothing of a window that rolls and whose spend leaves it as fast as it comes', () => {
    equal(runsOutAt({ ...window, resetsAt: undefined, settled: 50n }, hour), 2 * hour)
    equal(runsOutAt({ ...window, resetsAt: undefined, settled: 99n }, FIVE_HOURS_MS + 1), undefined)
  })

  test('of a window that was opened a moment ago does not divide by nothing', () => {
    equal(runsOutAt({ ...window, settled: 50n }, 0), 1)
  })
})
