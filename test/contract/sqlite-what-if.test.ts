import { deepEqual, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { HOUR_MS, MINUTE_MS } from '../../src/core/calendar.ts'
import { windowsFor, type MemberQuotas } from '../../src/core/member-windows.ts'
import { NO_RULES } from '../../src/core/quota.ts'
import { Replay, type PastCall } from '../../src/core/replay.ts'
import type { CallId } from '../../src/core/units.ts'
import { randomFrom } from '../support/random.ts'
import { newCall, newEntry, populate } from './bench.ts'
import { sqliteDatabase } from './sqlite-database.ts'

const BEGIN = Date.parse('2026-12-31T20:00:00Z')
const UNLIMITED: MemberQuotas = { fiveHourQuota: 0n, weeklyQuota: 0n }

type Random = () => number

function one<T>(of: readonly T[], random: Random): T {
  return of[Math.floor(random() * of.length)] as T
}

/** The calls of a few weeks, some of which run for hours. */
function someCalls(random: Random): readonly PastCall[] {
  let at = BEGIN
  return Array.from({ length: 120 }, () => {
    at += 1 + Math.floor(random() * one([20_000, 10 * MINUTE_MS, 2 * HOUR_MS, 12 * HOUR_MS], random))
    const endedAt = at + 1 + Math.floor(random() * one([1000, 2 * MINUTE_MS, 7 * HOUR_MS], random))
    return { admittedAt: at, endedAt, credits: BigInt(Math.floor(random() * 40)), opensWindows: random() > 0.15 }
  })
}

interface Played {
  /** When those began that were refused, and by which window. */
  readonly refused: readonly (readonly [at: number, window: string])[]
  /** What is in the ledger. */
  readonly past: readonly PastCall[]
}

/** What a ledger makes of them under these limits. */
async function play(calls: readonly PastCall[], quotas: MemberQuotas): Promise<Played> {
  await using database = await sqliteDatabase()
  await using store = await database.open({ now: () => BEGIN })
  const world = await populate(store, quotas)
  const windows = windowsFor(quotas, NO_RULES)
  const [refused, opened]: [(readonly [number, string])[], Map<PastCall, CallId>] = [[], new Map()]
  const steps = calls.flatMap((call) => [
    { at: call.admittedAt, call, begins: true },
    { at: call.endedAt, call, begins: false },
  ])
  for (const { at, call, begins } of steps.toSorted((a, b) => a.at - b.at || Number(a.begins) - Number(b.begins))) {
    const id = opened.get(call)
    if (begins) {
      const { opensWindows } = call
      const open = newCall(world, at, { windows, opensWindows, kind: opensWindows ? 'turn' : 'prewarm' })
      const verdict = await store.ledger.open(open, [], at)
      if (verdict.state === 'spent') refused.push([at, verdict.window.name])
      else opened.set(call, open.id)
    } else if (id !== undefined) await store.ledger.settle(newEntry(id, at, { credits: call.credits }))
  }
  return { refused, past: await store.quotas.past({ since: 0, after: 0, limit: 1000 }) }
}

suite('sqlite: limits that are tried on past calls', () => {
  for (const quotaWindow of ['anchored', 'rolling'] as const) {
    test(`refuse what they would have refused, to the minute and by the same window (${quotaWindow})`, async () => {
      let count = 0
      for (const seed of [939, 2, Math.floor(Math.random() * 1e9)]) {
        const random = randomFrom(seed)
        const calls = someCalls(random)
        const trial = {
          fiveHourQuota: one([60n, 200n], random),
          dailyQuota: one([0n, 150n], random),
          weeklyQuota: one([0n, 400n], random),
          monthlyQuota: one([0n, 700n], random),
          quotaWindow,
        }
        const { refused } = await play(calls, trial)
        const { past } = await play(calls, UNLIMITED)
        const replay = new Replay(windowsFor(trial, NO_RULES))
        const would = past.map((call) => [call.admittedAt, replay.take(call)] as const)
        deepEqual(
          would.filter(([, window]) => window !== undefined),
          refused,
          `seed ${seed}`,
        )
        count += refused.length
      }
      ok(count > 0)
    })
  }
})
