/** What the ledger costs a call: opened with its try, as nearly all are, and settled, at a steady pace. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Store } from '../src/adapters/store/store.ts'
import { FIVE_HOURS_MS, WEEK_MS } from '../src/core/quota.ts'
import type { CallId, GatewayKeyId, MemberId, UpstreamId } from '../src/core/units.ts'
import type { Entry, OpenCall } from '../src/ports.ts'
import { percentile } from './figures.ts'

export interface LedgerCost {
  readonly callsPerSecond: number
  /** Microseconds of processor time a call, in all threads of the process, less those of its making and pacing. */
  readonly cpuUs: number
  /** What making and pacing a call costs: the same run with a ledger that does nothing. */
  readonly ownUs: number
  /** Milliseconds from asking to the commit's being known. */
  readonly open: Latency
  readonly settle: Latency
}

export interface Latency {
  readonly p50: number
  readonly p99: number
}

const BEAT_MS = 2
/** So long a call is open: long enough that what holds up the writing thread holds up settlements and openings alike. */
const OPEN_MS = { least: 20, most: 120 } as const

/** `usual`: by tokens, in windows that are anchored; `other`: by messages, in windows that roll. */
export type Manner = 'usual' | 'other'

interface Plan {
  readonly rate: number
  readonly seconds: number
  readonly members: number
  readonly upstreams: number
  readonly manner: Manner
}

/** Of a ledger, what a call needs. */
export type CallLedger = Pick<Store['ledger'], 'open' | 'settle'>

const NOTHING_DONE: CallLedger = {
  open: async (call) => ({ state: 'admitted', at: call.startedAt, standing: { windows: [] } }),
  settle: async () => ({ windows: [] }),
}

/** Runs calls of many members for so long, after a warm-up. */
export async function costAt(ledger: CallLedger, plan: Plan): Promise<LedgerCost> {
  const own = await measured(NOTHING_DONE, plan)
  const cost = await measured(ledger, plan)
  return { ...cost, cpuUs: cost.cpuUs - own.cpuUs, ownUs: own.cpuUs }
}

async function measured(ledger: CallLedger, plan: Plan): Promise<Omit<LedgerCost, 'ownUs'>> {
  await run(ledger, { ...plan, seconds: Math.min(2, plan.seconds) })
  const before = process.cpuUsage()
  const began = performance.now()
  const { opens, settles } = await run(ledger, plan)
  const cpu = process.cpuUsage(before)
  const count = settles.length
  return {
    callsPerSecond: (count * 1000) / (performance.now() - began),
    cpuUs: (cpu.user + cpu.system) / count,
    open: latencyOf(opens),
    settle: latencyOf(settles),
  }
}

async function run(
  ledger: CallLedger,
  { rate, seconds, members, upstreams, manner }: Plan,
): Promise<{ readonly opens: Float64Array; readonly settles: Float64Array }> {
  const total = rate * seconds
  const [opens, settles] = [new Float64Array(total), new Float64Array(total)]
  const all = Promise.withResolvers<void>()
  let ended = 0
  const done = (openMs: number, settleMs: number): void => {
    opens[ended] = openMs
    settles[ended] = settleMs
    ended += 1
    if (ended === total) all.resolve()
  }
  const began = performance.now()
  for (let begun = 0; begun < total;) {
    const due = Math.min(total, Math.floor(((performance.now() - began) * rate) / 1000))
    for (; begun < due; begun += 1) {
      const member = 1 + (begun % members)
      // A conversation keeps to its key.
      const facts = callOf(member, Date.now(), manner)
      oneCall(ledger, facts, (1 + (member % upstreams)) as UpstreamId, done).catch(all.reject)
    }
    await sleep(BEAT_MS)
  }
  await all.promise
  return { opens, settles }
}

async function oneCall(
  ledger: CallLedger,
  facts: OpenCall,
  upstream: UpstreamId,
  done: (openMs: number, settleMs: number) => void,
): Promise<void> {
  const call = { ...facts, first: { upstream, chosen: 'pinned' as const } }
  const began = performance.now()
  const verdict = await ledger.open(call, [], call.startedAt)
  const openMs = performance.now() - began
  if (verdict.state !== 'admitted') throw new Error(`a call was not admitted: ${verdict.state}`)
  await sleep(OPEN_MS.least + Math.random() * (OPEN_MS.most - OPEN_MS.least))
  const entry = entryOf(call, upstream, Date.now())
  const settling = performance.now()
  await ledger.settle(entry)
  done(openMs, performance.now() - settling)
}

/** The gateway's ids sort by time. */
function sortedUuid(now: number): CallId {
  const time = now.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}` as CallId
}

function callOf(member: number, now: number, manner: Manner): OpenCall {
  const rolling = manner === 'other'
  return {
    id: sortedUuid(now),
    member: member as MemberId,
    key: member as GatewayKeyId,
    kind: 'turn',
    transport: 'sse',
    path: '/v1/responses',
    model: 'gpt-5.5',
    serviceTier: undefined,
    sessionId: `session-${member}`,
    threadId: `thread-${member}`,
    turnId: randomUUID(),
    startedAt: now,
    hold: 100_000_000n,
    rate: 'gpt-5.5@2026-04-23',
    charging: manner === 'usual' ? 'tokens' : 'message',
    message: true,
    windows: [
      { name: '5h', lengthMs: FIVE_HOURS_MS, limit: 10n ** 15n, rolling },
      { name: 'weekly', lengthMs: WEEK_MS, limit: 10n ** 16n, rolling },
    ],
    opensWindows: true,
  }
}

function entryOf(call: OpenCall, upstream: UpstreamId, now: number): Entry {
  const attempt = {
    upstream,
    status: 200,
    errorClass: undefined,
    sent: true,
    chosen: 'pinned' as const,
    startedAt: now,
    durationMs: 5,
  }
  return {
    call: call.id,
    ending: 'complete',
    status: 200,
    refusal: undefined,
    requestId: `req_${call.id}`,
    upstream,
    organization: 'org-1',
    responseId: `resp_${call.id}`,
    stored: false,
    serviceTier: 'default',
    usage: {
      inputTokens: 12_000,
      cachedInputTokens: 10_000,
      cacheWriteTokens: 0,
      outputTokens: 300,
      reasoningTokens: 64,
    },
    requestBytes: 48_000,
    outputBytes: 1_200,
    precision: 'exact',
    credits: 4_375_000n,
    charging: call.charging,
    message: true,
    rate: 'gpt-5.5@2026-04-23',
    attempts: [attempt],
    endedAt: now,
  }
}

function latencyOf(values: Float64Array): Latency {
  const sorted = values.toSorted()
  return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) }
}
