import { deepEqual, equal, match } from 'node:assert/strict'
import { once } from 'node:events'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { frame } from '../support/frames.ts'
import { connected, head } from '../support/raw.ts'
import { startStand, until, type Stand } from '../support/stand.ts'

const MASK = Buffer.from([1, 2, 3, 4])
const ASK = frame(Buffer.from('{"type":"input_audio_buffer.clear"}'), { mask: MASK })
const HANDSHAKE = { on: 'handshake', path: '/v1/realtime' } as const

function asked({ key }: Stand): string {
  return head(
    'GET /v1/realtime?model=gpt-realtime',
    `authorization: Bearer ${key}`,
    'originator: codex_exec',
    'connection: upgrade',
    'upgrade: websocket',
    'sec-websocket-version: 13',
    'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
  )
}

suite('a client whose handshake is not answered yet', { concurrency: 4 }, () => {
  test('is heard to leave, whether it ends or resets', async () => {
    await using on = await startStand()
    for (const leave of ['end', 'resetAndDestroy'] as const) {
      on.simulator.script({ ...HANDSHAKE, headDelayMs: 60_000 })
      using raw = await connected(on.url)
      raw.write(asked(on))
      await until(() => (on.simulator.openConnections() === 1 ? true : undefined))
      raw.socket[leave]()
      await until(() => (on.simulator.openConnections() === 0 ? true : undefined))
    }
    deepEqual(await on.calls(), [])
  })

  test('may say something already, which is not lost', async () => {
    await using on = await startStand()
    on.simulator.script({ ...HANDSHAKE, headDelayMs: 200 })
    using raw = await connected(on.url)
    raw.write(asked(on), ASK)
    await sleep(100)
    for (let i = 0; i < 3000; i++) raw.write(ASK)
    await until(() => (on.simulator.frames().length === 3001 ? true : undefined))
    match(raw.text(), /^HTTP\/1\.1 101 /)
  })

  test('gets its whole refusal, whatever it said already', async () => {
    await using on = await startStand()
    const body = { error: { message: 'no '.repeat(10_000) } }
    on.simulator.script({ ...HANDSHAKE, headDelayMs: 100, status: 400, body })
    using raw = await connected(on.url)
    raw.write(asked(on), ASK)
    await sleep(50)
    raw.write(Buffer.alloc(500_000))
    await once(raw.socket, 'end')
    match(raw.text(), /^HTTP\/1\.1 400 /)
    equal(raw.text().split('no ').length - 1, 10_000)
  })
})
