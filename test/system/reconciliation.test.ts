import { deepEqual, equal, ok } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isNothing, NOTHING, plus } from '../../src/core/reconcile.ts'
import type { Fault } from '../../src/simulator/simulator.ts'
import { reconciled, truthByKey } from '../support/book-side.ts'
import { MAIN } from '../support/cli-folder.ts'
import { oneDay } from '../support/one-day.ts'
import { serve, type Served } from '../support/serve.ts'
import { create, talk } from '../support/socket-client.ts'
import { startGround, startStand, until, type Ground } from '../support/stand.ts'
import { ask, says, stream, turn } from '../support/wire.ts'

const MODELS = ['gpt-5.5', 'gpt-6.1-sol'] as const
const KILLS = 4
/** What a gateway has to do with before it is killed, however long that takes. */
const CALLS_BEFORE_A_KILL = 60

/** What goes wrong at OpenAI on a bad day. Each is met again and again by whichever calls come. */
const TROUBLES: readonly Fault[] = [
  { status: 500, body: 'broken' },
  { status: 503, body: {} },
  { reset: 'before-head' },
  { reset: { afterEvents: 0 } },
  { reset: { afterEvents: 7 } },
  { reset: { afterBytes: 900 } },
  { ending: { type: 'response.failed', code: 'server_error' } },
  { ending: { type: 'response.failed', afterEvents: 0, code: 'server_error' } },
  { ending: { type: 'response.incomplete', afterEvents: 9 } },
  { endAfterEvents: 5 },
  { omitUsage: true },
  { stall: { afterEvents: 4, ms: 50 } },
  { on: 'turn', close: { code: 1011, afterEvents: 5 } },
  { on: 'turn', frame: { json: { type: 'error', status: 500, error: { message: 'no' } } } },
  { on: 'handshake', status: 502 },
]

const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T

/** Long enough to be cached. */
const LONG = [says('What did we say about this? '.repeat(400))]

async function overHttp(url: string, key: string): Promise<void> {
  const input = Math.random() < 0.4 ? LONG : [says('Hello')]
  const shape = { thread: randomUUID(), model: pick(MODELS), stream: Math.random() < 0.8, input }
  if (Math.random() < 0.3 && shape.stream) {
    const reply = await stream(url, turn(key, shape))
    await reply.events(1 + Math.floor(Math.random() * 8)).catch(() => undefined)
    reply.kill()
  } else await ask(url, turn(key, shape))
}

async function overWebSocket(url: string, key: string): Promise<void> {
  using client = await talk(url, key, { thread: randomUUID() })
  for (let turns = 0; turns < 3; turns++) {
    client.say(create({ model: pick(MODELS), ...(turns === 0 && { input: LONG }) }))
    const leaves = Math.random() < 0.2
    const ended = client.event('response.completed').catch(() => undefined)
    await Promise.race([ended, client.closed, sleep(leaves ? Math.random() * 40 : 1_000)])
    if (leaves) return
  }
}

/** Calls without a pause until the gateway is gone; `called` hears of each that has come to an end. */
async function callOnAndOn(gateway: Served, on: Ground, called: () => void): Promise<void> {
  let gone = false
  void gateway.ended.then(() => (gone = true))
  while (!gone) {
    if (Math.random() < 0.3) on.simulator.script(pick(TROUBLES))
    // What goes wrong is what the day is about.
    await (Math.random() < 0.7 ? overHttp : overWebSocket)(gateway.url, on.key).catch(() => sleep(5))
    called()
  }
}

async function aBadDay(on: Ground): Promise<void> {
  for (let kill = 0; kill < KILLS; kill++) {
    const gateway = await serve(on.configFile)
    let calls = 0
    const clients = Array.from({ length: 8 }, () => callOnAndOn(gateway, on, () => (calls += 1)))
    await sleep(1_500 + Math.random() * 500)
    await until(() => calls >= CALLS_BEFORE_A_KILL || undefined)
    gateway.signal('SIGKILL')
    await gateway.ended
    await Promise.all(clients)
  }
  await using last = await serve(on.configFile)
  on.simulator.script({ omitUsage: true })
  ok((await ask(last.url, turn(on.key))).status > 0)
  last.signal('SIGTERM')
  await last.ended
}

/** Four keys of two organizations: one by its id, two by what OpenAI shows of them, one by its project. */
function ground(): Promise<Ground> {
  return startGround({
    simulator: { tokens: 'bytes', eventDelayMs: 2 },
    toml: '[upstream]\ncooldown_secs = 0\n[limits]\nqueue_secs = 1\ncodex_queue_secs = 1\n',
    member: { maxConcurrent: 0 },
    upstreams: [
      { name: 'alpha', apiKeyId: 'key_sim_alpha', project: 'proj_sim_a1' },
      { name: 'alpha-twin' },
      { name: 'alpha-other', project: 'proj_sim_a2' },
      // Too short a secret for OpenAI to show its end.
      { name: 'beta', project: 'proj_sim_b1' },
    ],
  })
}

suite('reconciliation', () => {
  test('explains a day of faults, resets, lost clients and kills to the token', async () => {
    await using on = await ground()
    await on.admin(async ({ adminKeys }) => {
      await adminKeys.set('a', 'sk-admin-sim')
      await adminKeys.set('b', 'sk-admin-sim-b')
    })
    await aBadDay(on)
    const rows = await on.settled()
    const truth = truthByKey(on.simulator.truth(), rows)
    const precisions = Map.groupBy(rows, ({ precision }) => precision)
    const [exact = [], estimated = [], unknown = []] = (['exact', 'estimated', 'unknown'] as const).map((precision) =>
      precisions.get(precision),
    )
    ok(
      exact.length > 50 && estimated.length > 10 && unknown.length > 0,
      JSON.stringify([exact.length, estimated.length]),
    )
    ok(rows.some(({ ending }) => ending === 'interrupted'))
    ok(rows.some(({ transport, precision }) => transport === 'ws' && precision !== 'exact'))

    const result = await reconciled(on)
    deepEqual(result.lost, [])
    ok(result.drift.drift.output > 0 && result.drift.booked.cached > 0, 'such a day drifts')
    ok(
      result.rows.some(({ failed }) => failed > 0),
      'tries failed',
    )
    const compared = Map.groupBy(result.rows, ({ account, model }) => `${account} ${model}`)
    for (const [name, { proven, rest }] of truth) {
      const days = compared.get(name) ?? []
      const sum = (side: 'booked' | 'proven'): typeof NOTHING =>
        days.reduce((all, one) => plus(all, one[side]), NOTHING)
      deepEqual([sum('proven'), plus(sum('booked'), sum('proven'), -1)], [proven, rest], name)
    }
    equal(compared.size, truth.size)
    for (const row of result.rows)
      ok(
        isNothing(row.unexplained),
        JSON.stringify(row, (_, v: unknown) => String(v)),
      )
    equal(result.over, result.drift.percent > 2)
  })

  test('finds a clean day right to the token and the dollar, over every transport, and says so by command', async () => {
    await oneDay()
    await using on = await startStand({
      simulator: { tokens: 'bytes', cacheWrites: true },
      upstreams: [{ name: 'alpha', project: 'proj_sim_a1' }],
    })
    await on.admin(({ adminKeys }) => adminKeys.set('main', 'sk-admin-sim'))
    for (const model of ['gpt-5.5', 'gpt-5.6-terra', 'gpt-5.4-mini']) {
      for (const tier of [undefined, 'priority', 'flex']) {
        await ask(on.url, turn(on.key, { model, stream: tier !== 'flex', ...(tier && { tier }) }))
      }
    }
    const { headers = [] } = turn(on.key)
    const compact = JSON.stringify({ model: 'gpt-5.1-codex-mini', input: [says('Long ago.')] })
    await ask(on.url, { path: '/v1/responses/compact', headers, body: compact })
    using codex = await talk(on.url, on.key)
    codex.say(create({ generate: false, model: 'gpt-5.6-sol' }))
    await codex.event('response.completed')
    codex.say(create({ model: 'gpt-5.6-sol' }))
    await codex.event('response.completed')
    using spoken = await talk(on.url, on.key, { path: '/v1/realtime?model=gpt-realtime' })
    await spoken.event('session.created')
    spoken.say({ type: 'response.create' })
    await spoken.event('response.done')
    const listening = { transcription: { model: 'gpt-4o-mini-transcribe' }, turn_detection: null }
    spoken.say({ type: 'session.update', session: { type: 'realtime', audio: { input: listening } } })
    spoken.say({ type: 'input_audio_buffer.append', audio: Buffer.alloc(48_000).toString('base64') })
    spoken.say({ type: 'input_audio_buffer.commit' })
    await spoken.event('conversation.item.input_audio_transcription.completed')
    const rows = await on.settled()
    equal(rows.length, 14)
    ok(rows.every(({ precision }) => precision === 'exact'))
    const { drift, over, rows: compared, besides } = await reconciled(on, 0.000_001)
    // The transcription stands in another book, and in the same bill.
    const heard = rows.find(({ kind }) => kind === 'transcription')
    equal(Number(besides) * 25, Number(heard?.credits) * 1000)
    deepEqual([drift.booked.requests, drift.drift, over], [13, NOTHING, false])
    ok(drift.billed > 0n && drift.money < 1_000n * BigInt(compared.length), `${drift.money} of ${drift.billed}`)

    const { code, out } = await command(on, 'reconcile', '--json', '--from', today(), '--to', today())
    const said = JSON.parse(out) as { rows: { state: string; key: string; drift: Record<string, number> }[] }
    equal(code, 0)
    ok(said.rows.length > 0 && said.rows.every(({ state, key }) => state === 'open' && key === 'alpha'), out)
    ok(
      said.rows.every((row) => Object.values(row.drift).every((value) => Math.abs(value) < 1e-8)),
      out,
    )
  })

  test('finds no drift where a model was asked for by another name', async () => {
    await using on = await startStand({
      simulator: { tokens: 'bytes', models: [{ id: 'gpt-5.6', snapshot: 'gpt-5.6-sol' }] },
      upstreams: [{ name: 'alpha', apiKeyId: 'key_sim_alpha', project: 'proj_sim_a1' }],
    })
    await on.admin(({ adminKeys }) => adminKeys.set('main', 'sk-admin-sim'))
    await ask(on.url, turn(on.key, { model: 'gpt-5.6' }))
    await on.settled()
    const { drift, over, rows } = await reconciled(on, 0.000_001)
    deepEqual([drift.booked.requests, drift.drift, over], [1, NOTHING, false])
    ok(drift.billed > 0n && drift.money < 1_000n, `${drift.money} of ${drift.billed}`)
    deepEqual(
      rows.map(({ model }) => model),
      ['gpt-5.6-sol'],
    )
  })

  test('does not take for a drift what OpenAI does not tell yet', async () => {
    await oneDay()
    await using on = await startStand({
      simulator: { tokens: 'bytes', usageDelayMs: 60_000 },
      upstreams: [{ name: 'alpha', apiKeyId: 'key_sim_alpha', project: 'proj_sim_a1' }],
    })
    await on.admin(({ adminKeys }) => adminKeys.set('main', 'sk-admin-sim'))
    await ask(on.url, turn(on.key))
    await on.settled()
    const { code, out } = await command(on, 'reconcile', '--from', today(), '--to', today())
    equal(code, 0, out)
    ok(out.includes(`${today()} open alpha gpt-5.5: openai=0/0/0/0 proven=1/`), out)
    ok(out.includes(`not judged, for OpenAI may still add to it: ${today()}`), out)
    // Once the day is final it would be one.
    const late = await reconciled(on)
    deepEqual([late.over, late.drift.percent, late.drift.drift.requests], [true, 100, 1])
  })
})

function today(): string {
  return new Date().toISOString().slice(0, 10)
}

/** `admin …` in a process of its own. */
async function command(on: Ground, ...args: readonly string[]): Promise<{ code: number; out: string }> {
  const child = spawn(process.execPath, [MAIN, 'admin', ...args, '--config', on.configFile], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  return await new Promise((resolve) => child.once('close', (code) => resolve({ code: code ?? -1, out })))
}
