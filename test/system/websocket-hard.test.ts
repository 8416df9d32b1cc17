import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { create, talk } from '../support/socket-client.ts'
import { answer, type Script } from '../support/socket-upstream.ts'
import { until } from '../support/stand.ts'
import { wired, type Wired } from '../support/wired.ts'

const creates = ({ up }: Wired): number => up.messages.filter(({ data }) => data.includes('response.create')).length
const whole: Script = (socket, _frame, id) => answer(id).forEach((event) => socket.send(event))
/** Begins to answer, and does not end. */
const half: Script = (socket, _frame, id) =>
  answer(id)
    .slice(0, 3)
    .forEach((event) => socket.send(event))

/** Another conversation takes the only place of the key. */
async function busyKey(line: Wired): Promise<{ end: () => void }> {
  line.up.script = half
  const busy = await talk(line.on.url, line.on.key, { thread: 'busy' })
  busy.say(create())
  await busy.event('response.created')
  return { end: () => busy.socket.terminate() }
}

const ONE_SEAT = { upstreams: [{ name: 'alpha', maxConcurrent: 1 }] }

suite('a turn over WebSocket that waits', { concurrency: 4 }, () => {
  test('and whose upstream closes meanwhile is begun elsewhere: it is neither lost nor charged', async () => {
    await using line = await wired(ONE_SEAT)
    const { on, up } = line
    const client = await talk(on.url, on.key)
    client.say(create())
    await client.event('response.completed')
    const { end } = await busyKey(line)
    client.say(create())
    await until(async () => ((await on.calls()).length === 3 ? true : undefined))
    // Both sockets at once; the one that is busy frees the key's place.
    up.closeAll(1000)
    equal((await client.closed).code, 1012)
    end()
    const rows = (await on.settled()).map(({ ending, credits }) => `${ending} ${credits > 0n}`)
    deepEqual(
      rows.toSorted((a, b) => (a < b ? -1 : 1)),
      ['complete true', 'refused false', 'upstream-broke true'],
    )
    equal(creates(line), 2)
  })

  test('is given up with its client, whatever else that had said before it left', async () => {
    for (const last of ['ping', 'close', 'create'] as const) {
      await using line = await wired(ONE_SEAT)
      const { on, up } = line
      const { end } = await busyKey(line)
      const client = await talk(on.url, on.key)
      client.say(create())
      await sleep(100)
      if (last === 'ping') client.socket.ping()
      if (last === 'create') client.say(create())
      if (last === 'close') client.socket.close(1000)
      else client.socket.terminate()
      await until(() => (up.open() === 1 ? true : undefined))
      up.script = whole
      end()
      await until(() => (up.open() === 0 ? true : undefined))
      equal(creates(line), 1, last)
      const rows = await on.settled()
      ok(rows.every(({ threadId, credits }) => threadId === 'busy' || credits === 0n))
    }
  })

  test('moves on when the gateway stops, and is not charged', async () => {
    await using line = await wired(ONE_SEAT)
    const { on } = line
    const { end } = await busyKey(line)
    const client = await talk(on.url, on.key)
    client.say(create())
    await sleep(100)
    const stopped = on.gateway.stop(new AbortController().signal)
    const told = (await client.event('error'))['error'] as { code: string }
    equal(told.code, 'websocket_connection_limit_reached')
    end()
    await stopped
    equal(creates(line), 1)
    ok((await on.settled()).every(({ threadId, credits }) => threadId === 'busy' || credits === 0n))
  })
})

suite('what a client says beside its turns', { concurrency: 4 }, () => {
  test('makes no turn free: an error about it does not end the turn', async () => {
    await using line = await wired()
    const { on, up } = line
    let go = (): void => undefined
    up.script = (socket, _frame, id) => {
      const events = answer(id)
      events.slice(0, 3).forEach((event) => socket.send(event))
      go = () => {
        socket.send(
          JSON.stringify({
            type: 'error',
            status: 400,
            error: { type: 'invalid_request_error', code: 'x', message: 'y' },
          }),
        )
        events.slice(3).forEach((event) => socket.send(event))
      }
    }
    using client = await talk(on.url, on.key)
    client.say(create())
    await client.event('response.created')
    client.say({ type: 'nonsense' })
    await until(() => up.messages[1])
    go()
    await client.event('error')
    await client.event('response.completed')
    deepEqual(
      (await on.settled()).map(({ precision, inputTokens }) => [precision, inputTokens]),
      [['exact', 100]],
    )
  })

  test('is read whether it is text or not: a turn in a binary message is a call too', async () => {
    await using line = await wired({ member: { models: ['gpt-5.5'] } })
    const { on, up } = line
    using client = await talk(on.url, on.key)
    client.socket.send(Buffer.from(JSON.stringify(create({ model: 'gpt-6-sol' }))), { binary: true })
    await client.event('response.failed')
    client.socket.send(Buffer.from(JSON.stringify(create())), { binary: true })
    await client.event('response.completed')
    deepEqual(
      up.messages.map(({ binary }) => binary),
      [true],
    )
    deepEqual(
      (await on.settled()).map(({ ending }) => ending),
      ['complete', 'refused'],
    )
  })

  test('may be the next turn already, which waits and is not disturbed', async () => {
    await using line = await wired({ toml: '[limits]\nws_max_connection_secs = 1\n' })
    const { on, up } = line
    up.script = (socket, _frame, id) => {
      const events = answer(id)
      events.slice(0, 3).forEach((event) => socket.send(event))
      setTimeout(() => events.slice(3).forEach((event) => socket.send(event)), 1300)
    }
    const client = await talk(on.url, on.key)
    client.say(create())
    client.say(create())
    await client.event('response.completed')
    await client.event('response.completed')
    equal((await client.closed).code, 1012)
    deepEqual(
      (await on.settled()).map(({ ending, precision }) => [ending, precision]),
      [
        ['complete', 'exact'],
        ['complete', 'exact'],
      ],
    )
  })

  test('never makes an answer free that nobody was charged for', async () => {
    await using line = await wired()
    const { on, up } = line
    up.script = (socket, _frame, id) => {
      whole(socket, _frame, id)
      whole(socket, _frame, `${id}-again`)
    }
    const client = await talk(on.url, on.key)
    client.say(create())
    equal((await client.closed).code, 1012)
    ok(!client.got.some(({ data }) => data.includes('-again')))
    equal((await on.settled()).length, 1)
  })
})
