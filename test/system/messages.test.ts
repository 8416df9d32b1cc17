import { deepEqual } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { suite, test } from 'node:test'
import type { Fault } from '../../src/simulator/faults.ts'
import { rowsIn } from '../support/ledger-file.ts'
import { create, talk } from '../support/socket-client.ts'
import { startStand, type Ground, type Stand } from '../support/stand.ts'
import { ask, eventsIn, turn } from '../support/wire.ts'

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
