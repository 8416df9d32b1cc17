import { deepEqual, match } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { suite, test } from 'node:test'
import type { Fault } from '../../src/simulator/faults.ts'
import { rowsIn } from '../support/ledger-file.ts'
import { create, talk } from '../support/socket-client.ts'
import { startStand, type Ground, type Stand } from '../support/stand.ts'
import { ask, eventsIn, says, stream, turn, type Ask } from '../support/wire.ts'

const CREDIT = 1_000_000_000n
const TOML = '[credit]\naccounting = "message_average"\n'
const MEMBER = { fiveHourQuota: 10_000n * CREDIT }
const SIMULATOR = { tokens: 'bytes', text: 'Hello.', reasoningTokens: 0 } as const

/** What became of the calls, in the order in which they began: their credits, and whether they are the message of their turn. */
async function charged(on: Ground): Promise<readonly (readonly [credits: number, message: boolean])[]> {
  const rows = await rowsIn(on.folder, 'SELECT credits / 1000000000 AS credits, messages FROM calls ORDER BY seq')
  return rows.map(({ credits, messages }) => [Number(credits), messages === 1])
}

const FAILURES: Readonly<Record<string, NonNullable<Fault['ending']>>> = {
  'as its first event': { type: 'response.failed', afterEvents: 0, code: 'server_error' },
  'in the middle': { type: 'response.failed', afterEvents: 3, code: 'server_error' },
  'in the middle, by an event of its own,': { type: 'error', afterEvents: 3, code: 'server_error' },
}

/** Asks once, and says how the answer ended. */
type AskOnce = (on: Stand, thread: string, turnId: string) => Promise<unknown>

const overHttp: AskOnce = async (on, thread, turnId) =>
  eventsIn((await ask(on.url, turn(on.key, { thread, turn: turnId }))).text).at(-1)?.['type']

const overWebSocket: AskOnce = async (on, thread, turnId) => {
  const metadata = JSON.stringify({ thread_id: thread, turn_id: turnId, request_kind: 'turn' })
  using client = await talk(on.url, on.key, { thread })
  client.say({ ...create(), client_metadata: { 'x-codex-turn-metadata': metadata } })
  const ends = ['response.completed', 'response.failed', 'error'].map((type) => client.event(type))
  return (await Promise.race(ends))['type']
}

suite('where messages are charged, an answer that fails', { concurrency: 2 }, () => {
  for (const [way, once] of [
    ['over HTTP', overHttp],
    ['over WebSocket', overWebSocket],
  ] as const) {
    for (const [when, ending] of Object.entries(FAILURES)) {
      test(`${when} ${way} is no message: the answer to the turn that comes again is`, async () => {
        await using on = await startStand({ simulator: SIMULATOR, member: MEMBER, toml: TOML })
        on.simulator.script({ ending })
        const [thread, turnId] = [randomUUID(), randomUUID()]
        const ends = [await once(on, thread, turnId), await once(on, thread, turnId), await once(on, thread, turnId)]
        deepEqual(ends, [ending.type, 'response.completed', 'response.completed'])
        await on.settled()
        deepEqual(await charged(on), [
          [0, false],
          [14, true],
          [0, false],
        ])
      })
    }
  }
})

suite('where messages are charged, calls that can be no message', () => {
  test('hold nothing: near the end of a quota they run side by side', async () => {
    const toml = `${TOML}[limits]\ncodex_queue_secs = 3\n`
    await using on = await startStand({ simulator: SIMULATOR, member: { fiveHourQuota: 20n * CREDIT }, toml })
    const ids = { thread: randomUUID(), turn: randomUUID() }
    await ask(on.url, turn(on.key, ids))
    on.simulator.script({ stall: { afterEvents: 3 }, times: 2 })
    const running = []
    for (const call of [turn(on.key, { ...ids, input: TOOL_OUTPUT }), subAgent(on)]) {
      const answer = await stream(on.url, call)
      await answer.events(3)
      running.push(answer)
    }
    deepEqual(eventsIn((await ask(on.url, subAgent(on))).text).at(-1)?.['type'], 'response.completed')
    for (const answer of running) answer.kill()
    await on.settled()
    const rows = await rowsIn(on.folder, 'SELECT kind, hold / 1000000000 AS hold, messages FROM calls ORDER BY seq')
    deepEqual(
      rows.map(({ kind, hold, messages }) => [kind, hold, messages]),
      [
        ['turn', 14, 1],
        ['turn', 0, 0],
        ['subagent', 0, 0],
        ['subagent', 0, 0],
      ],
    )
  })

  test('do not include the next try of a turn whose answer failed, nor another turn: those wait for room', async () => {
    const toml = `${TOML}[limits]\ncodex_queue_secs = 1\n`
    await using on = await startStand({ simulator: SIMULATOR, member: { fiveHourQuota: 14n * CREDIT }, toml })
    const ids = { thread: randomUUID(), turn: randomUUID() }
    on.simulator.script({ ending: { type: 'response.failed', afterEvents: 3, code: 'server_error' } })
    await ask(on.url, turn(on.key, ids))
    on.simulator.script({ stall: { afterEvents: 3 } })
    const running = await stream(on.url, turn(on.key, ids))
    await running.events(3)
    match((await ask(on.url, turn(on.key, { turn: randomUUID() }))).text, /may use up what is left of your quota/)
    running.kill()
    await on.settled()
    const rows = await rowsIn(on.folder, 'SELECT hold / 1000000000 AS hold, ending FROM calls ORDER BY seq')
    deepEqual(
      rows.map(({ hold, ending }) => [hold, ending]),
      [
        [14, 'complete'],
        [14, 'client-left'],
        [0, 'refused'],
      ],
    )
  })
})

const TOOL_OUTPUT = [
  says('Run it.'),
  { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
  { type: 'function_call_output', call_id: 'c', output: 'ok' },
]

function subAgent(on: Stand): Ask {
  const metadata = JSON.stringify({ thread_id: randomUUID(), turn_id: randomUUID(), thread_source: 'subagent' })
  return turn(on.key, { headers: ['x-openai-subagent', 'collab_spawn', 'x-codex-turn-metadata', metadata] })
}
