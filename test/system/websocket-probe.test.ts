import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { WebSocket } from 'ws'
import { create, talk, type SocketTalk, type Talk } from '../support/socket-client.ts'
import { until } from '../support/stand.ts'
import { wired, type Wired } from '../support/wired.ts'

/** A probe that says nothing of how it goes holds the others up for longer than anybody waits here. */
const WAIT = '[limits]\nqueue_secs = 4\ncodex_queue_secs = 4\n'
const LIMITED = { type: 'tokens', code: 'rate_limit_exceeded', message: 'Rate limit reached. Please try again in 1s.' }
const OVERLOADED = { type: 'server_error', code: 'server_is_overloaded', message: 'The server is overloaded.' }
const HEADERS = { 'retry-after': '1' }

/** Upstream refuses what it is asked first and begins every other answer, but ends none. */
function refusesOnce({ up }: Wired, refusal: unknown): { readonly begun: () => readonly WebSocket[] } {
  const begun: WebSocket[] = []
  let left = 1
  up.script = (socket, _frame, id) => {
    if (left-- > 0) return socket.send(JSON.stringify(refusal))
    begun.push(socket)
    socket.send(JSON.stringify({ type: 'response.created', response: { id, status: 'in_progress', usage: null } }))
  }
  return { begun: () => begun }
}

async function talks(line: Wired, parts: DisposableStack, how: Talk = {}): Promise<readonly SocketTalk[]> {
  const open = async (thread: string): Promise<SocketTalk> =>
    parts.use(await talk(line.on.url, line.on.key, { thread, ...how }))
  return [await open('a'), await open('b'), await open('c')]
}

/** What the client is told first, but for its limits. */
async function firstHeard(client: SocketTalk, before: number): Promise<unknown> {
  const others = (): readonly Readonly<Record<string, unknown>>[] =>
    client.events().filter(({ type }) => type !== 'codex.rate_limits')
  return (await until(() => others()[before]))['type']
}

suite('an open conversation whose turn probes a key', { concurrency: 3 }, () => {
  for (const [what, refusal] of [
    ['a rate limit', { type: 'error', status: 429, error: LIMITED, headers: HEADERS }],
    ['an overloaded host', { type: 'error', status: 503, error: OVERLOADED, headers: HEADERS }],
  ] as const) {
    test(`after ${what} lets the others in with the first event of its answer, not with the last`, async () => {
      await using line = await wired({ toml: WAIT })
      // Their lines stand, so that no handshake of theirs proves the key to be well.
      using parts = new DisposableStack()
      const all = await talks(line, parts)
      for (const client of all) {
        client.say(create())
        await client.event('response.completed')
      }
      const heard = all.map((client) => client.events().filter(({ type }) => type !== 'codex.rate_limits').length)
      const upstream = refusesOnce(line, refusal)
      const [limited, probing, next] = all as [SocketTalk, SocketTalk, SocketTalk]
      limited.say(create())
      await limited.event('error')
      probing.say(create())
      equal(await firstHeard(probing, heard[1] ?? 0), 'response.created')
      next.say(create({ model: 'gpt-5.5' }))
      equal(await firstHeard(next, heard[2] ?? 0), 'response.created')
      equal(upstream.begun().length, 2)
      deepEqual(
        (await line.on.calls()).filter(({ ending }) => ending === undefined).length,
        2,
        'both of them run still',
      )
    })
  }

  test('in a realtime session does so too', async () => {
    await using line = await wired({ toml: WAIT })
    using parts = new DisposableStack()
    const all = await talks(line, parts, { path: '/v1/realtime?model=gpt-realtime' })
    const upstream = refusesOnce(line, { type: 'error', error: LIMITED })
    const [limited, probing, next] = all as [SocketTalk, SocketTalk, SocketTalk]
    limited.say({ type: 'response.create' })
    await limited.event('error')
    probing.say({ type: 'response.create' })
    equal(await firstHeard(probing, 0), 'response.created')
    next.say({ type: 'response.create' })
    equal(await firstHeard(next, 0), 'response.created')
    equal(upstream.begun().length, 2)
  })
})
