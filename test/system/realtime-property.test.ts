import { deepEqual, equal, ok } from 'node:assert/strict'
import type { Socket } from 'node:net'
import { suite, test } from 'node:test'
import { setImmediate as turnOfLoop, setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import type { WebSocket } from 'ws'
import { rowsIn } from '../support/ledger-file.ts'
import { talk, type SocketTalk } from '../support/socket-client.ts'
import { until } from '../support/stand.ts'
import { wired, type Wired } from '../support/wired.ts'

const PATH = '/v1/realtime?model=gpt-realtime'
/** As many runs as fit into some seconds; of those in which the gateway itself stops, each begins a new one. */
const [RUNS, STOPS] = [60, 6]
const SEED = Date.now() % 2 ** 31

/** One thing that happens in a session; `id` names a response or an item of this run. */
type Step =
  | { readonly up: 'created' | 'transcribed'; readonly id: number }
  | { readonly up: 'done'; readonly id: number; readonly status: string; readonly usage: boolean }
  | { readonly up: 'error'; readonly about: string | undefined; readonly code: string }
  | { readonly up: 'delta' }
  | { readonly down: 'response.create' | 'response.cancel'; readonly event: string | undefined }
  | { readonly waitMs: number }

const id = fc.nat(4)
const event = fc.constantFrom(undefined, 'a', 'b')
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ up: fc.constant('created' as const), id }) },
  {
    weight: 3,
    arbitrary: fc.record({
      up: fc.constant('done' as const),
      id,
      status: fc.constantFrom('completed', 'cancelled', 'failed', 'incomplete'),
      usage: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ up: fc.constant('transcribed' as const), id }) },
  { weight: 2, arbitrary: fc.constant({ up: 'delta' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      up: fc.constant('error' as const),
      about: event,
      code: fc.constantFrom('conversation_already_has_active_response', 'invalid_value', 'server_error'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ down: fc.constantFrom('response.create' as const, 'response.cancel' as const), event }),
  },
  { weight: 2, arbitrary: fc.record({ waitMs: fc.constantFrom(0, 0, 3, 20) }) },
)
const steps = fc.array(step, { maxLength: 25, size: 'max' })

type End = (client: SocketTalk, upstream: WebSocket) => void

const ENDS: Readonly<Record<string, End>> = {
  'client closes': ({ socket }) => socket.close(1000, 'bye'),
  'client resets': ({ socket }) => connectionOf(socket).resetAndDestroy(),
  'upstream closes': (_, upstream) => upstream.close(1001, 'so long'),
  'upstream resets': (_, upstream) => connectionOf(upstream).resetAndDestroy(),
}

function connectionOf(socket: WebSocket): Socket {
  return Object(socket)._socket as Socket
}

async function begin(): Promise<Wired> {
  const patient = 'max_failures_before_cooldown = 1000000\n'
  const line = await wired({ member: { maxConcurrent: 1 }, toml: '[limits]\nqueue_secs = 0\n' }, patient)
  line.up.script = () => undefined
  return line
}

type Upstreams = Extract<Step, { up: unknown }>

/** The usage of a response or an item, and with which message it was told. */
interface Told {
  readonly tokens: number
  readonly at: number
}

/** A session in which the steps have been gone, or are still under way. */
interface Gone {
  readonly client: SocketTalk
  readonly upstream: WebSocket
  /** All that upstream said. */
  readonly sent: readonly string[]
  /** What the ledger may hold of this run: the usage of each response and each item, as first told. */
  readonly told: ReadonlyMap<string, Told>
}

let runs = 0

async function go(line: Wired, way: readonly Step[]): Promise<Gone> {
  const run = ++runs
  const client = await talk(line.on.url, line.on.key, { path: PATH })
  const upstream = await until(() => line.up.sockets().find(({ readyState, OPEN }) => readyState === OPEN))
  const [sent, told]: [string[], Map<string, Told>] = [[], new Map()]
  for (const one of way) {
    if ('waitMs' in one) await (one.waitMs === 0 ? turnOfLoop() : sleep(one.waitMs))
    else if ('down' in one) client.say({ type: one.down, ...(one.event !== undefined && { event_id: one.event }) })
    else {
      const text = said(one, run, told, sent.length)
      if (text === undefined) continue
      sent.push(text)
      upstream.send(text)
    }
  }
  return { client, upstream, sent, told }
}

/** What upstream says; undefined for what it says once only. */
function said(one: Upstreams, run: number, told: Map<string, Told>, n: number): string | undefined {
  const name = 'id' in one ? `${one.up === 'transcribed' ? 'item' : 'resp'}_${run}_${one.id}` : ''
  if (one.up === 'transcribed' && told.has(name)) return undefined
  const tokens = 1000 + n
  const ends = one.up === 'transcribed' || one.up === 'done'
  // A response that ends again has ended already.
  if (ends && !told.has(name)) told.set(name, { tokens: one.up === 'done' && !one.usage ? 0 : tokens, at: n })
  return JSON.stringify({ n, ...messageOf(one, name, tokens) })
}

function messageOf(one: Upstreams, name: string, tokens: number): object {
  const usage = { input_tokens: tokens, output_tokens: 1, total_tokens: tokens + 1 }
  switch (one.up) {
    case 'created':
      return { type: 'response.created', response: { id: name, status: 'in_progress' } }
    case 'done':
      return { type: 'response.done', response: { id: name, status: one.status, usage: one.usage ? usage : null } }
    case 'transcribed':
      return { type: 'conversation.item.input_audio_transcription.completed', item_id: name, usage }
    case 'error':
      return { type: 'error', error: { code: one.code, message: 'no', event_id: one.about ?? null } }
    default:
      return { type: 'response.output_text.delta', delta: 'é' }
  }
}

/** What must hold once the session is over: `whole` when all that upstream said must have reached the client. */
async function check({ on, up }: Wired, { client, sent, told }: Gone, whole: boolean): Promise<void> {
  await client.closed
  await until(() => (up.open() === 0 ? true : undefined))
  const open = async (): Promise<number> =>
    (await rowsIn(on.folder, 'SELECT 1 FROM calls WHERE ended_at IS NULL')).length
  await until(async () => ((await open()) === 0 ? true : undefined))

  const passed = client.got.map(({ data }) => data.toString()).filter((text) => 'n' in JSON.parse(text))
  deepEqual(passed, sent.slice(0, passed.length), 'what came is what was sent, in order and without gaps')
  if (whole) equal(passed.length, sent.length, 'all of it')
  const own = client.events().filter((message) => !('n' in message))
  deepEqual(new Set(own.map(({ type }) => type)), new Set(own.length > 0 ? ['error'] : []))

  const all = await rowsIn(on.folder, 'SELECT response_id AS id, input_tokens AS tokens FROM calls')
  const rows = all.filter(({ id: name }) => name !== null && /_(\d+)_/.exec(String(name))?.[1] === String(runs))
  equal(new Set(rows.map(({ id: name }) => name)).size, rows.length, 'nothing stands there twice')
  const ledger = new Map(rows.map(({ id: name, tokens }) => [String(name), Number(tokens)]))
  for (const [name, tokens] of ledger) equal(tokens, told.get(name)?.tokens, name)
  for (const [name, { at }] of told) ok(at >= passed.length || ledger.has(name), `${name} was seen, and is there`)
}

/** The member's only place, and its only session, can be had again. */
async function expectRoom({ on, up }: Wired): Promise<void> {
  using client = await talk(on.url, on.key, { path: PATH })
  const asked = up.messages.length
  client.say({ type: 'response.create' })
  await until(() => (up.messages.length > asked ? true : undefined))
  const upstream = await until(() => up.sockets().find(({ readyState, OPEN }) => readyState === OPEN))
  upstream.send('{"type":"response.created","response":{"id":"last"}}')
  upstream.send('{"type":"response.done","response":{"id":"last","status":"completed"}}')
  await client.event('response.done')
  client.socket.close(1000)
  await until(() => (up.open() === 0 ? true : undefined))
}

suite(`any realtime session (seed ${SEED})`, () => {
  test('whoever ends it and when, is in the ledger once for all that was told, and leaves nothing behind', async () => {
    await using line = await begin()
    const property = fc.asyncProperty(steps, fc.constantFrom(...Object.keys(ENDS)), async (way, name) => {
      const gone = await go(line, way)
      ENDS[name]?.(gone.client, gone.upstream)
      await check(line, gone, name === 'upstream closes')
      await expectRoom(line)
    })
    await fc.assert(property, { numRuns: RUNS, seed: SEED, interruptAfterTimeLimit: 60_000 })
  })

  test('that the gateway’s own end meets, too', async () => {
    const property = fc.asyncProperty(steps, fc.boolean(), async (way, atOnce) => {
      await using line = await begin()
      const gone = await go(line, way)
      const cut = new AbortController()
      const stopped = line.on.gateway.stop(cut.signal)
      if (!atOnce) await sleep(10)
      cut.abort()
      await stopped
      await check(line, gone, false)
      equal((await gone.client.closed).code, 1012)
    })
    await fc.assert(property, { numRuns: STOPS, seed: SEED, interruptAfterTimeLimit: 60_000 })
  })
})
