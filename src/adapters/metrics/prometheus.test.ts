import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { samples } from '../../../test/support/scrape.ts'
import { FIVE_HOURS_MS, WEEK_MS, type WindowStanding } from '../../core/quota.ts'
import { REFUSAL_STATUS } from '../../core/refusal.ts'
import type { CountedCall } from '../../ports.ts'
import { PrometheusMetrics } from './prometheus.ts'

const T0 = Date.UTC(2026, 10, 28)

function window(over: Partial<WindowStanding> = {}): WindowStanding {
  const usual = { name: '5h', lengthMs: FIVE_HOURS_MS, limit: 100n, settled: 25n } as const
  return { ...usual, openedAt: T0, resetsAt: T0 + FIVE_HOURS_MS, ...over }
}

function call(over: Partial<CountedCall> = {}): CountedCall {
  const usual = { member: 'alice', kind: 'turn', ending: 'complete', precision: 'exact' } as const
  return { ...usual, credits: 1n, windows: [window()], ...over }
}

/** Metrics at a time that the test moves, and the samples of a family of theirs. */
function metrics() {
  const clock = { now: T0 }
  const all = new PrometheusMetrics({ warnAt: [50, 80], now: () => clock.now })
  const of = async (name: string): Promise<Record<string, number>> => samples(await all.text(), `codex_gateway_${name}`)
  return { all, clock, of }
}

suite('metrics for Prometheus', () => {
  test('count calls by kind, ending and precision', async () => {
    const { all, of } = metrics()
    all.settled(call())
    all.settled(call({ member: 'bob' }))
    all.settled(call({ kind: 'search', ending: 'client-left', precision: 'unknown' }))
    deepEqual(await of('calls_total'), {
      'kind="turn",ending="complete",precision="exact"': 2,
      'kind="search",ending="client-left",precision="unknown"': 1,
    })
  })

  test('sum credits to the nanocredit, however often they are read', async () => {
    const { all, of } = metrics()
    // Summed as numbers of credits these would be 0.30000000000000004.
    all.settled(call({ credits: 100_000_000n }))
    await of('credits_total')
    all.settled(call({ credits: 200_000_000n }))
    all.settled(call({ member: 'bob', credits: 0n }))
    deepEqual(await of('credits_total'), { 'member="alice"': 0.3, 'member="bob"': 0 })
    deepEqual(await of('credits_total'), { 'member="alice"': 0.3, 'member="bob"': 0 })
  })

  test('show what is used of each limit, as of the last settled call', async () => {
    const { all, of } = metrics()
    const weekly = window({ name: 'weekly', lengthMs: WEEK_MS, limit: 0n })
    all.settled(call({ windows: [window({ settled: 30n }), weekly] }))
    all.settled(call({ windows: [window({ settled: 130n }), weekly] }))
    deepEqual(await of('quota_used_ratio'), { 'member="alice",window="5h"': 1.3 }, 'what has no limit has no ratio')
    all.settled(call({ windows: [window({ limit: 0n }), { ...weekly, limit: 200n }] }))
    deepEqual(await of('quota_used_ratio'), { 'member="alice",window="weekly"': 0.125 }, 'a limit was taken away')
  })

  test('show a window as unused once it is over, and one that rolls as it was', async () => {
    const { all, clock, of } = metrics()
    all.settled(call())
    all.settled(call({ member: 'bob', windows: [window({ rolling: true })] }))
    clock.now = T0 + FIVE_HOURS_MS - 1
    deepEqual(await of('quota_used_ratio'), { 'member="alice",window="5h"': 0.25, 'member="bob",window="5h"': 0.25 })
    clock.now++
    deepEqual(await of('quota_used_ratio'), { 'member="alice",window="5h"': 0, 'member="bob",window="5h"': 0.25 })
  })

  test('show thresholds at 0 before they are reached, so that the first is a rise', async () => {
    const { all, of } = metrics()
    all.settled(call())
    const [fifty, eighty] = ['member="alice",window="5h",threshold="50"', 'member="alice",window="5h",threshold="80"']
    deepEqual(await of('quota_warnings_total'), { [fifty]: 0, [eighty]: 0 })
    all.warned('alice', '5h', 50)
    deepEqual(await of('quota_warnings_total'), { [fifty]: 1, [eighty]: 0 })
  })

  test('know every refusal from the beginning', async () => {
    const { all, of } = metrics()
    all.refused('unauthorized')
    const counted = await of('refusals_total')
    equal(Object.keys(counted).length, Object.keys(REFUSAL_STATUS).length)
    deepEqual([counted['refusal="unauthorized"'], counted['refusal="no_upstream"']], [1, 0])
  })

  test('stand beside those of the process, each with its help, in a registry of their own', async () => {
    const [one, other] = [metrics(), metrics()]
    one.all.settled(call({ member: 'with "quotes"\\' }))
    const text = await one.all.text()
    for (const name of ['process_resident_memory_bytes', 'nodejs_eventloop_lag_p99_seconds']) match(text, RegExp(name))
    for (const [, name = ''] of text.matchAll(/^# TYPE (\S+)/gm)) match(text, RegExp(`^# HELP ${name} \\S`, 'm'))
    match(text, /^codex_gateway_credits_total\{member="with \\"quotes\\"\\\\"\} 1e-9$/m)
    ok(!(await other.all.text()).includes('quotes'))
    match(one.all.contentType, /^text\/plain; version=0\.0\.4/)
  })
})
