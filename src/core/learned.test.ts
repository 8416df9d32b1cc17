import { equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Mean, Ratio, Trend } from './learned.ts'

suite('a figure that is learned', () => {
  test('is what it was made with until something has come', () => {
    equal(new Mean(7).value, 7)
    equal(new Ratio(1 / 4).value, 1 / 4)
    equal(new Trend(1 / 4).at(400), 100)
  })

  test('is a mean of few, and of many mostly the later ones', () => {
    const mean = new Mean(7)
    for (const value of [1, 2, 3]) mean.add(value)
    equal(mean.value, 2)
    for (let i = 0; i < 300; i++) mean.add(10)
    ok(mean.value > 9.9)
  })

  test('weighs a ratio by size', () => {
    const ratio = new Ratio(1)
    ratio.add(1000, 10_000)
    ratio.add(5, 10)
    ok(ratio.value < 0.101)
    for (let i = 0; i < 300; i++) ratio.add(3000, 10_000)
    ok(ratio.value > 0.29)
  })

  test('lets a trend begin anywhere, and never below nothing', () => {
    const trend = new Trend(1 / 4)
    // Sizes that are alike say where it lies, not how it rises.
    for (const bytes of [11_000, 11_010, 10_990]) trend.add(400, bytes)
    equal(Math.round(trend.at(11_000)), 400)
    equal(Math.round(trend.at(11_400)), 500)
    equal(trend.at(0), 0)
    for (let i = 0; i < 100; i++) trend.add(400 + (i % 10) * 100, 11_000 + (i % 10) * 1000)
    for (const [bytes, tokens] of [
      [12_000, 500],
      [20_000, 1300],
    ] as const) {
      ok(Math.abs(trend.at(bytes) - tokens) < 100, `${trend.at(bytes)} for ${bytes}`)
    }
  })
})
