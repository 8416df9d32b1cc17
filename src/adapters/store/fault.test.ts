import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { errorOf, faultOf, mayPass } from './fault.ts'

function failed(errcode: number): Error {
  return Object.assign(new Error('no'), { errcode })
}

suite('a failure of SQLite', () => {
  test('is the database’s being away where it says so, whatever else its code says', () => {
    const busySnapshot = 5 | (2 << 8)
    const locks = 15
    deepEqual(
      [busySnapshot, locks, 3, 13].map((code) => faultOf(failed(code)).kind),
      ['unavailable', 'unavailable', 'unavailable', 'unavailable'],
    )
    const constraintOfKey = 19 | (3 << 8)
    deepEqual(
      [1, constraintOfKey, 20].map((code) => faultOf(failed(code)).kind),
      ['bug', 'bug', 'bug'],
    )
  })

  test('may pass unless it is about what was asked, also on the other side of a thread', () => {
    deepEqual(
      [1, 19 | (3 << 8), 18, 20].map((code) => mayPass(errorOf(faultOf(failed(code))))),
      [true, false, false, false],
    )
    equal(mayPass(new Error('none of SQLite’s')), false)
  })
})
