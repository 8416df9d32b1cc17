import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { complaints } from '../support/both-ways.ts'
import { codexHome } from '../support/codex.ts'
import { MODEL, WARMS_UP } from '../support/codex-version.ts'
import { create, talk } from '../support/socket-client.ts'
import { answer } from '../support/socket-upstream.ts'
import { until } from '../support/stand.ts'
import { wired } from '../support/wired.ts'

const LIMITED = { type: 'tokens', code: 'rate_limit_exceeded', message: 'Rate limit reached. Please try again in 2s.' }

suite('two of Codex’s conversations over WebSocket', () => {
  // Without a warm-up the turn opens its line, and the handshake tells that the key is well.
  test('go on beside each other after a rate limit', { skip: !WARMS_UP && 'there is no warm-up' }, async () => {
    await using line = await wired({ toml: '[limits]\ncodex_queue_secs = 8\n' })
    const { on, up } = line
    const warmUps: (() => void)[] = []
    const turns: (() => void)[] = []
    let limited = false
    up.script = (socket, { generate }, id) => {
      const [, created = '', ...rest] = answer(id, 0)
      const finish = (): void => rest.forEach((event) => socket.send(event))
      if (generate !== false && !limited) {
        limited = true
        return socket.send(JSON.stringify({ type: 'error', status: 429, error: LIMITED }))
      }
      socket.send(created)
      if (generate === false) warmUps.push(finish)
      else turns.push(finish)
    }
    using other = await talk(on.url, on.key)
    using first = await codexHome({ url: on.url, key: on.key, webSocket: true })
    using second = await codexHome({ url: on.url, key: on.key, webSocket: true })
    const running = [first, second].map((codex) => codex.begin(['Hello.']))
    await until(() => warmUps[1])
    other.say(create({ model: MODEL }))
    await other.event('error')
    for (const finish of warmUps) finish()
    // Neither is over before both have begun.
    await until(() => turns[1])
    for (const finish of turns) finish()
    for (const { ended } of running) {
      const result = await ended
      equal(result.code, 0, result.stderr)
      deepEqual(complaints(result.stderr), [])
    }
    // Neither was refused, nor asked twice.
    const rows = await on.settled()
    deepEqual(rows.map(({ kind, refusal }) => [kind, refusal].join(' ')).toSorted(), [
      'prewarm ',
      'prewarm ',
      'turn ',
      'turn ',
      'turn ',
    ])
  })
})
