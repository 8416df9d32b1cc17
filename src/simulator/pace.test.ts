import { deepEqual, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { forEver, Pace } from './pace.ts'

const never = new AbortController().signal

suite('the pace', () => {
  test('wakes in the order of time, whatever the order of going to sleep', async () => {
    const pace = new Pace()
    const woken: number[] = []
    const sleep = async (ms: number): Promise<void> => {
      await pace.wait(ms, never)
      woken.push(ms)
    }
    await Promise.all([600, 200, 400, 1].map(sleep))
    deepEqual(woken, [1, 200, 400, 600])
    const late = [300, 100, 200].map(sleep)
    // The process does nothing until all of them are due.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400)
    await Promise.all(late)
    deepEqual(woken.slice(4), [100, 200, 300])
  })

  test('never wakes early', async () => {
    const pace = new Pace()
    const sleep = async (ms: number): Promise<number> => {
      const started = performance.now()
      await pace.wait(ms, never)
      return performance.now() - started - ms
    }
    const late = await Promise.all(Array.from({ length: 200 }, (_, i) => sleep(i % 40)))
    ok(Math.min(...late) >= 0, `${Math.min(...late)} ms`)
  })

  test('gives up a long wait when its signal aborts', async () => {
    const leaving = new AbortController()
    const waits = Promise.all([new Pace().wait(3_600_000, leaving.signal), forEver(leaving.signal)])
    leaving.abort()
    await waits
    await forEver(leaving.signal)
  })
})
