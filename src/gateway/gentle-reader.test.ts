import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { readBody } from '../core/body.ts'
import { GentleReader } from './gentle-reader.ts'

/** A body that takes long to scan, and whose end says which it is. */
function slowBody(bytes: number, end: string): Uint8Array {
  const item = '{"type":1,"role":1}'
  const items = `${item},`.repeat(Math.floor(bytes / (item.length + 1)))
  return Buffer.from(`{"model":"gpt-5.5","stream":true,"input":[${items}${item}],"prompt_cache_key":"${end}"}`)
}

/** Counts the rounds of the event loop until it is disposed of. */
function rounds(): { count: number } & Disposable {
  const counted = { count: 0, [Symbol.dispose]: () => clearImmediate(next) }
  const tick = (): void => {
    counted.count++
    next = setImmediate(tick)
  }
  let next = setImmediate(tick)
  return counted
}

suite('the gentle reader', () => {
  test('reads bodies that are slow to scan as if each were read at once', async () => {
    const bodies = [1, 2, 3].map((n) => slowBody(n * 500_000, `number ${n}`))
    const broken = Buffer.concat([slowBody(1_000_000, 'broken'), Buffer.from('}')])
    const reader = new GentleReader()
    const read = await Promise.all([...bodies, broken].map((body) => reader.read(body)))
    deepEqual(read, [...bodies, broken].map(readBody))
    deepEqual(
      read.map((asked) => ('problem' in asked ? undefined : asked.promptCacheKey)),
      ['number 1', 'number 2', 'number 3', undefined],
    )
  })

  test('gives everything else its turn in between: in each round of the event loop one body goes on a little', async () => {
    using loop = rounds()
    const scanned = new Map<number, Set<number>>()
    let largest = 0
    const bodies = Array.from({ length: 6 }, (_, n) => {
      const body = slowBody(2_000_000, String(n))
      const subarray = body.subarray.bind(body)
      body.subarray = (from, to) => {
        const slice = subarray(from, to)
        largest = Math.max(largest, slice.length)
        scanned.set(loop.count, (scanned.get(loop.count) ?? new Set()).add(n))
        return slice
      }
      return body
    })
    const reader = new GentleReader()
    await Promise.all(bodies.map((body) => reader.read(body)))
    // Each had its first turn when it came, all in the same round.
    equal(scanned.get(0)?.size, bodies.length)
    scanned.delete(0)
    ok(scanned.size >= bodies.length, `read within ${scanned.size} rounds`)
    deepEqual(new Set([...scanned.values()].map(({ size }) => size)), new Set([1]))
    ok(largest <= 32_768, `${largest} bytes between two looks at the clock`)
  })

  test('lets timers run while it reads', async () => {
    const reader = new GentleReader()
    let over = false
    let ticks = 0
    const timer = setInterval(() => (over ? undefined : ticks++), 1)
    await Promise.all(Array.from({ length: 4 }, (_, n) => reader.read(slowBody(2_000_000, String(n)))))
    over = true
    clearInterval(timer)
    ok(ticks >= 4, `${ticks} ticks`)
  })

  test('reads a usual body at once', async () => {
    using loop = rounds()
    const body = Buffer.from('{"model":"gpt-5.5","input":"Hello."}')
    deepEqual(await new GentleReader().read(body), readBody(body))
    equal(loop.count, 0)
    deepEqual(await new GentleReader().read(Buffer.alloc(0)), readBody(Buffer.alloc(0)))
  })
})
