import { deepEqual } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { FIVE_HOURS_MS } from './quota.ts'
import { reachedIn } from './warnings.ts'

suite('the warnings of a window', () => {
  const at = (settled: bigint, told = 0, limit = 1000n): readonly number[] =>
    reachedIn(
      { name: '5h', lengthMs: FIVE_HOURS_MS, limit, settled, openedAt: 0, resetsAt: FIVE_HOURS_MS },
      told,
      [50, 80, 95],
    ).map(({ percent }) => percent)

  test('are those of the thresholds that it has reached', () => {
    deepEqual(
      [499n, 500n, 799n, 800n, 950n, 5000n].map((settled) => at(settled)),
      [[], [50], [50], [50, 80], [50, 80, 95], [50, 80, 95]],
    )
  })

  test('are each told once, also when a grant has moved the limit in between', () => {
    deepEqual([at(810n, 50), at(810n, 80), at(960n, 80), at(2000n, 95)], [[80], [], [95], []])
    deepEqual([at(810n, 80, 2000n), at(1700n, 80, 2000n), at(1900n, 80, 2000n)], [[], [], [95]])
  })

  test('are none where there is no limit', () => {
    deepEqual(at(10n ** 20n, 0, 0n), [])
  })
})
