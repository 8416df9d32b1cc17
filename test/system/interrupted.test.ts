import { deepEqual, equal } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { suite, test } from 'node:test'
import { rowsIn } from '../support/ledger-file.ts'
import { serve, type Served } from '../support/serve.ts'
import { create, talk } from '../support/socket-client.ts'
import { startGround, until, type Ground } from '../support/stand.ts'
import { ask, says, stream, turn, type Ask } from '../support/wire.ts'

const SIMULATOR = { tokens: 'bytes', text: 'Hello.', reasoningTokens: 0 } as const
const MEMBER = { fiveHourQuota: 10n ** 15n, maxConcurrent: 0 }

suite('calls that were open when the gateway was killed', { concurrency: 2 }, () => {
  test('cost a message only where they are the message of their turn, and their turn no other one', async () => {
    const toml = '[credit]\naccounting = "message_average"\n'
    await using on = await startGround({ simulator: SIMULATOR, member: MEMBER, toml })
    const [charged, begun] = [turnOf(on), turnOf(on)]
    {
      await using gateway = await serve(on.configFile)
      await ask(gateway.url, charged())
      await leftOpen(on, gateway, [
        charged(TOOL_OUTPUT),
        begun(),
        begun(TOOL_OUTPUT),
        side(on, { thread_source: 'thread_title' }),
        side(on, { subagent_kind: 'review' }),
      ])
    }
    await using gateway = await serve(on.configFile)
    for (const again of [charged(TOOL_OUTPUT), begun()]) await ask(gateway.url, again)
    const rows = await rowsIn(
      on.folder,
      'SELECT kind, ending, credits / 1000000000 AS credits, messages, rate FROM calls ORDER BY seq',
    )
    const rate = 'gpt-5.5@message'
    deepEqual(
      rows.map((row) => [row['kind'], row['ending'], row['credits'], row['messages'], row['rate']]),
      [
        ['turn', 'complete', 14, 1, rate],
        ['turn', 'interrupted', 0, 0, null],
        ['turn', 'interrupted', 14, 1, rate],
        ['turn', 'interrupted', 0, 0, rate],
        ['thread_title', 'interrupted', 0, 0, null],
        ['review', 'interrupted', 0, 0, null],
        ['turn', 'complete', 0, 0, rate],
        ['turn', 'complete', 0, 0, rate],
      ],
    )
    const [window] = await rowsIn(on.folder, "SELECT settled / 1000000000 AS settled FROM windows WHERE name = '5h'")
    equal(window?.['settled'], 28)
  })

  test('are warm-ups that cost what was sent, and no answer', async () => {
    await using on = await startGround({ simulator: SIMULATOR, member: MEMBER })
    // Nothing of the one is in the cache for the other.
    const [long, asLong] = ['What', 'Wait'].map((word) => says(`${word} is the answer? `.repeat(2000)))
    {
      await using gateway = await serve(on.configFile)
      using client = await talk(gateway.url, on.key)
      on.simulator.script({ on: 'turn', stall: { afterEvents: 0 } })
      client.say(create({ generate: false, input: [long] }))
      await until(() => on.simulator.truth()[0])
    }
    await using gateway = await serve(on.configFile)
    using client = await talk(gateway.url, on.key, { thread: 'another' })
    client.say(create({ generate: false, input: [asLong] }))
    await client.event('response.completed')
    const rows = await rowsIn(on.folder, 'SELECT kind, ending, credits FROM calls ORDER BY seq')
    deepEqual(
      rows.map(({ kind, ending }) => [kind, ending]),
      [
        ['prewarm', 'interrupted'],
        ['prewarm', 'complete'],
      ],
    )
    const [killed, whole] = rows.map(({ credits }) => Number(credits))
    const off = Math.abs((killed ?? 0) / (whole ?? 0) - 1)
    equal(off < 0.05, true, `${killed} and ${whole}`)
  })
})

const TOOL_OUTPUT = [
  says('Run it.'),
  { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
  { type: 'function_call_output', call_id: 'c', output: 'ok' },
]

/** Makes calls of one turn. */
function turnOf(on: Ground): (input?: readonly unknown[]) => Ask {
  const ids = { thread: randomUUID(), turn: randomUUID() }
  return (input) => turn(on.key, { ...ids, ...(input && { input }) })
}

function side(on: Ground, traits: Readonly<Record<string, string>>): Ask {
  const metadata = JSON.stringify({ thread_id: randomUUID(), turn_id: randomUUID(), ...traits })
  return turn(on.key, { headers: ['x-codex-turn-metadata', metadata] })
}

/** Begins these calls, each of which upstream answers no further than a few events. */
async function leftOpen(on: Ground, gateway: Served, asks: readonly Ask[]): Promise<void> {
  on.simulator.script({ stall: { afterEvents: 3 }, times: asks.length })
  for (const each of asks) await (await stream(gateway.url, each)).events(3)
}
