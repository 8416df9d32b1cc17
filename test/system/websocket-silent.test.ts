import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { attemptsOfLast } from '../support/ledger-file.ts'
import { create, talk } from '../support/socket-client.ts'
import { answer, USAGE } from '../support/socket-upstream.ts'
import { until } from '../support/stand.ts'
import { wired } from '../support/wired.ts'

const IDLE = 'idle_timeout_secs = 1\n'
/** A place that is kept shows at the next turn. */
const ONE = { maxConcurrent: 1 }

function created(id: string): string {
  return JSON.stringify({ type: 'response.created', response: { id, status: 'in_progress', usage: null } })
}

suite('a turn over WebSocket ends', { concurrency: 3 }, () => {
  test('when upstream says nothing for too long', async () => {
    for (const begun of [true, false]) {
      await using line = await wired({ member: ONE }, IDLE)
      const { on, up } = line
      up.script = (socket, _frame, id) => {
        if (begun) socket.send(created(id))
      }
      using client = await talk(on.url, on.key)
      client.say(create())
      deepEqual(await client.closed, { code: 1012, reason: 'upstream said nothing' })
      // What has not begun is begun anew elsewhere, as Codex understands it.
      deepEqual(
        client.events().map(({ type }) => type),
        [begun ? 'response.created' : 'error'],
      )
      const [row] = await on.settled()
      deepEqual([row?.ending, row?.precision], ['timed-out', begun ? 'estimated' : 'unknown'])
      deepEqual(await attemptsOfLast(on.folder), [['alpha', 'broken_stream']])
      await until(() => (up.open() === 0 ? true : undefined))
      up.script = (socket, _frame, id) => answer(id).forEach((event) => socket.send(event))
      using next = await talk(on.url, on.key)
      next.say(create())
      await next.event('response.completed')
    }
  })

  test('not while upstream goes on saying something, nor while its client does not read', async () => {
    await using line = await wired({ member: ONE }, IDLE)
    const { on, up } = line
    const filler = 'x'.repeat(1_000_000)
    up.script = (socket, _frame, id) => {
      socket.send(created(id))
      for (let sent = 0; sent < 30; sent++) {
        socket.send(JSON.stringify({ type: 'response.output_text.delta', delta: filler }))
      }
      socket.send(JSON.stringify({ type: 'response.completed', response: { id, status: 'completed', usage: USAGE } }))
    }
    using client = await talk(on.url, on.key)
    client.socket.pause()
    client.say(create())
    await until(() => up.messages[0])
    await new Promise((resolve) => setTimeout(resolve, 4000))
    client.socket.resume()
    await client.event('response.completed')
    deepEqual(
      (await on.settled()).map(({ ending, precision }) => [ending, precision]),
      [['complete', 'exact']],
    )
  })

  for (const [what, last] of [
    ['an error that nobody knows', { type: 'error', status: 400, error: { code: 'new', message: 'No.' } }],
    ['one without a status', { type: 'error', error: { type: 'x', code: 'model_overheated', message: 'Oops.' } }],
    ['its being cancelled', { type: 'response.cancelled', response: { id: 'own', status: 'cancelled', usage: null } }],
  ] as const) {
    test(`with ${what}, free of charge, and the next one goes`, async () => {
      await using line = await wired({ member: ONE })
      const { on, up } = line
      up.script = (socket, _frame, id) => {
        if (up.messages.length > 1) return answer(id).forEach((event) => socket.send(event))
        socket.send(created('own'))
        socket.send(JSON.stringify(last))
      }
      using client = await talk(on.url, on.key)
      client.say(create())
      await client.event(last.type)
      client.say(create())
      await client.event('response.completed')
      const rows = await on.settled()
      deepEqual(
        rows.map(({ ending }) => ending),
        ['complete', 'complete'],
      )
      equal(rows.at(-1)?.credits, 0n)
    })
  }
})
