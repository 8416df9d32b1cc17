import { deepEqual, equal, ok } from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { readJournal } from '../../src/adapters/store/journal.ts'
import { recordOf } from '../../src/adapters/store/records.ts'
import { lockLedger, rowsAtOnce } from '../support/ledger-file.ts'
import { startStand, until } from '../support/stand.ts'
import { ask, turn, type Answered, type Ask } from '../support/wire.ts'

const CHAT = { model: 'gpt-5.5', messages: [{ role: 'user', content: 'Hi' }] }
const ANSWERS: Readonly<Record<string, (key: string) => Ask>> = {
  'a stream': (key) => turn(key),
  'a unary answer': (key) => turn(key, { stream: false }),
  'a streamed chat completion': (key) => chat(key, { ...CHAT, stream: true }),
  'a unary chat completion': (key) => chat(key, CHAT),
}

function chat(key: string, body: object): Ask {
  return { ...turn(key), path: '/v1/chat/completions', body: JSON.stringify(body) }
}

/** Without a journal the database is asked each time. */
const UNPROMISED = '[database]\ndurability = "power"\n'

suite('the end of an answer', { concurrency: 4 }, () => {
  for (const [what, asked] of Object.entries(ANSWERS)) {
    test(`is seen when it stands in the ledger: ${what}`, async () => {
      await using on = await startStand({ toml: UNPROMISED })
      on.simulator.script({ headDelayMs: 400 })
      let answered: Answered | undefined
      const asking = ask(on.url, asked(on.key)).then((answer) => (answered = answer))
      await until(() => on.simulator.truth()[0])
      {
        using _ = lockLedger(on.folder)
        await until(() => on.simulator.truth().find(({ terminal }) => terminal))
        await sleep(500)
        equal(answered, undefined)
      }
      ok((await asking).whole)
      const [row] = await on.calls()
      deepEqual([row?.ending, row?.precision], ['complete', 'exact'])
    })

    test(`is seen when it stands in the journal, whatever keeps the database: ${what}`, async () => {
      await using on = await startStand()
      on.simulator.script({ headDelayMs: 400 })
      const asking = ask(on.url, asked(on.key))
      await until(() => on.simulator.truth()[0])
      {
        using _ = lockLedger(on.folder)
        ok((await asking).whole)
        const promised = readJournal(join(on.folder, 'gateway.db'))?.records.map(({ text }) => recordOf(text)) ?? []
        const settled = promised.flatMap((record) => ('settle' in record ? [record.settle] : []))
        deepEqual(
          settled.map(({ ending, precision }) => [ending, precision]),
          [['complete', 'exact']],
        )
      }
      const [row] = await on.calls()
      deepEqual([row?.ending, row?.precision], ['complete', 'exact'])
    })
  }

  test('is not kept from a client for ever because the ledger is', async () => {
    await using on = await startStand({ toml: UNPROMISED })
    on.simulator.script({ headDelayMs: 400 })
    const asking = ask(on.url, turn(on.key))
    await until(() => on.simulator.truth()[0])
    {
      using _ = lockLedger(on.folder)
      ok((await asking).whole)
      equal(rowsAtOnce(on.folder, 'SELECT ending FROM calls')[0]?.['ending'], null)
    }
    await until(async () => ((await on.calls())[0]?.precision === 'exact' ? true : undefined))
  })
})
