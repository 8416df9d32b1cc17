import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { attemptsOfLast } from '../support/ledger-file.ts'
import { create, talk } from '../support/socket-client.ts'
import { answer } from '../support/socket-upstream.ts'
import { until, type Stand } from '../support/stand.ts'
import { wired, type Wired } from '../support/wired.ts'

/** One place only: one that is kept shows at the next turn. */
const ONE = { member: { maxConcurrent: 1 }, toml: '[limits]\ncodex_queue_secs = 2\n' }
const FRAMES = answer('x').length

async function lastRow(on: Stand, count: number): Promise<readonly unknown[]> {
  const rows = await until(async () => {
    const settled = await on.settled()
    return settled.length === count ? settled : undefined
  })
  const [row] = rows
  return [row?.ending, row?.precision, row?.responseId !== undefined, row?.attempts]
}

async function expectNextTurnGoes({ on, up }: Wired): Promise<void> {
  up.script = (socket, _frame, id) => answer(id).forEach((event) => socket.send(event))
  using next = await talk(on.url, on.key, { thread: 'next' })
  next.say(create())
  await next.event('response.completed')
}

suite('a conversation over WebSocket that breaks', { concurrency: 4 }, () => {
  test('because the client dies after any message is settled once, and nothing of it is left', async () => {
    await using line = await wired(ONE)
    const { on, up } = line
    for (let sent = 1; sent <= FRAMES; sent++) {
      const before = (await on.calls()).length
      up.script = (socket, _frame, id) =>
        answer(id)
          .slice(0, sent)
          .forEach((event) => socket.send(event))
      const heard = up.messages.length
      const client = await talk(on.url, on.key)
      client.say(create())
      await until(() => (up.messages.length > heard ? true : undefined))
      // The account's own limits do not pass.
      await until(() =>
        client.events().filter(({ type }) => type !== 'codex.rate_limits').length === sent - 1 ? true : undefined,
      )
      client.socket.terminate()
      await until(() => (up.open() === 0 ? true : undefined))
      const whole = sent === FRAMES
      deepEqual(await lastRow(on, before + 1), [
        whole ? 'complete' : 'client-left',
        whole ? 'exact' : 'estimated',
        sent > 1,
        1,
      ])
      await expectNextTurnGoes(line)
      await until(() => (up.open() === 0 ? true : undefined))
    }
  })

  test('because upstream dies after any message breaks the client’s connection too', async () => {
    await using line = await wired(ONE, 'max_failures_before_cooldown = 1000\n')
    const { on, up } = line
    for (let sent = 0; sent <= FRAMES; sent++) {
      const before = (await on.calls()).length
      up.script = (socket, _frame, id) => {
        answer(id)
          .slice(0, sent)
          .forEach((event) => socket.send(event))
        setTimeout(() => socket.terminate(), 20)
      }
      const client = await talk(on.url, on.key)
      client.say(create())
      const { code } = await client.closed
      const whole = sent === FRAMES
      // After its end there is nothing to be cut: the client is asked to come back.
      equal(code, whole ? 1012 : 1006, `after ${sent} messages`)
      // Of a turn that never began to answer nobody knows what it cost.
      const precision = whole ? 'exact' : sent > 1 ? 'estimated' : 'unknown'
      deepEqual(await lastRow(on, before + 1), [whole ? 'complete' : 'upstream-broke', precision, sent > 1, 1])
      await expectNextTurnGoes(line)
    }
  })

  test('passes close codes and reasons on, both ways', async () => {
    await using line = await wired({}, 'max_failures_before_cooldown = 1000\n')
    const { on, up } = line
    for (const [code, reason, seen] of [
      [1000, 'bye', 1000],
      [1001, '', 1001],
      [1011, 'oops', 1011],
      [1013, 'later', 1013],
      [3999, 'own', 3999],
      [undefined, '', 1005],
    ] as const) {
      up.script = (socket) => socket.close(code, reason)
      const client = await talk(on.url, on.key)
      client.say(create())
      deepEqual(await client.closed, { code: seen, reason })
      const left = await talk(on.url, on.key)
      const before = up.closes.length
      left.socket.close(code, reason)
      deepEqual(await until(() => up.closes[before]), { code: seen, reason })
    }
    deepEqual(
      (await on.settled()).map(({ ending }) => ending),
      Array.from({ length: 6 }, () => 'upstream-broke'),
    )
  })

  test('because upstream takes no such message is nothing against its key', async () => {
    await using line = await wired(
      { upstreams: [{ name: 'alpha' }, { name: 'beta' }] },
      'max_failures_before_cooldown = 1\n',
    )
    const { on, up } = line
    const turnThat = async (code: number): Promise<string | undefined> => {
      up.script = (socket) => socket.close(code, 'no')
      using client = await talk(on.url, on.key)
      client.say(create())
      equal((await client.closed).code, code)
      await on.settled()
      return (await attemptsOfLast(on.folder))[0]?.[1]
    }
    for (const code of [1003, 1007, 1009]) equal(await turnThat(code), 'bad_request')
    ok(!on.log.some((line) => line.includes('cooling')), on.log.join('\n'))
    equal(await turnThat(1011), 'broken_stream')
    ok(on.log.some((line) => line.includes('cooling')))
  })

  test('between turns asks the client to come back', async () => {
    await using line = await wired()
    const { on, up } = line
    up.script = (socket, _frame, id) => {
      answer(id).forEach((event) => socket.send(event))
      setTimeout(() => socket.close(1000, ''), 50)
    }
    const client = await talk(on.url, on.key)
    client.say(create())
    await client.event('response.completed')
    deepEqual((await client.closed).code, 1012)
  })
})

suite('a conversation over WebSocket comes to its end', { concurrency: 4 }, () => {
  test('when it has had no turn for too long, is too old, or has had too many messages', async () => {
    for (const [limit, code] of [
      ['ws_idle_timeout_secs = 2', 1000],
      ['ws_max_connection_secs = 2', 1012],
      ['ws_max_messages_per_connection = 5', 1012],
    ] as const) {
      await using line = await wired({ toml: `[limits]\n${limit}\n` })
      const { on, up } = line
      let release = (): void => undefined
      up.script = (socket, _frame, id) => {
        const events = answer(id)
        events.slice(0, -1).forEach((event) => socket.send(event))
        release = () => socket.send(events.at(-1) ?? '')
      }
      const client = await talk(on.url, on.key)
      client.say(create())
      await client.event('response.created')
      // Never in the middle of a turn, however long it says nothing.
      await new Promise((resolve) => setTimeout(resolve, 3000))
      equal(client.socket.readyState, client.socket.OPEN, limit)
      release()
      await client.event('response.completed')
      equal((await client.closed).code, code, limit)
      await until(() => (up.open() === 0 ? true : undefined))
    }
  })

  test('when either side shows no sign of life', async () => {
    await using line = await wired({ toml: '[limits]\nws_upstream_ping_interval_secs = 1\n' })
    const { on, up } = line
    up.script = () => undefined
    const alive = await talk(on.url, on.key)
    alive.say(create())
    const dead = await talk(on.url, on.key, { thread: 'dead' })
    // Nothing of what comes is read, so no ping is answered.
    dead.socket.pause()
    await until(() => (up.open() === 1 ? true : undefined))
    await new Promise((resolve) => setTimeout(resolve, 2500))
    equal(alive.socket.readyState, alive.socket.OPEN)
    dead.socket.terminate()
    alive.socket.terminate()
  })

  test('when the gateway stops: at once between turns, at their end within them', async () => {
    await using line = await wired()
    const { on, up } = line
    let release = (): void => undefined
    up.script = (socket, { model }, id) => {
      const events = answer(id)
      if (model === 'gpt-5.4') return
      events.slice(0, 3).forEach((event) => socket.send(event))
      release = () => events.slice(3).forEach((event) => socket.send(event))
    }
    const idle = await talk(on.url, on.key, { thread: 'idle' })
    const silent = await talk(on.url, on.key, { thread: 'silent' })
    silent.say(create({ model: 'gpt-5.4' }))
    const running = await talk(on.url, on.key, { thread: 'running' })
    running.say(create())
    await running.event('response.created')
    await until(() => (up.messages.length === 2 ? true : undefined))
    const stopped = on.gateway.stop(new AbortController().signal)
    equal((await idle.closed).code, 1012)
    const moved = await silent.event('error')
    deepEqual((moved['error'] as { code: string }).code, 'websocket_connection_limit_reached')
    equal((await silent.closed).code, 1012)
    equal(running.socket.readyState, running.socket.OPEN)
    release()
    await running.event('response.completed')
    equal((await running.closed).code, 1012)
    await stopped
    ok((await on.settled()).every(({ ending }) => ending !== undefined))
    equal(up.open(), 0)
  })

  test('that is told so only where its client takes it: codex 0.100 is just closed', async () => {
    await using line = await wired()
    const { on, up } = line
    up.script = () => undefined
    const old = { session_id: 'old' }
    using client = await talk(on.url, on.key, { codex: false, headers: { originator: 'codex_exec', ...old } })
    client.say(create())
    await until(() => (up.messages.length === 1 ? true : undefined))
    const stopped = on.gateway.stop(new AbortController().signal)
    equal((await client.closed).code, 1012)
    deepEqual(client.events(), [])
    await stopped
  })
})
