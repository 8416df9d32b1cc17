import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { codexHome } from '../support/codex.ts'
import { startStand } from '../support/stand.ts'
import { expectTruth } from '../support/truth.ts'

suite('the real codex exec', () => {
  test('answers through gateway and simulator, and the ledger has the truth', async () => {
    await using stand = await startStand({ simulator: { text: 'Forty-two, says the simulator.' } })
    using codex = await codexHome({ url: stand.url, key: stand.key })
    const result = await codex.exec(['What is the answer?'])
    equal(result.code, 0, result.stderr)
    match(result.stdout, /Forty-two, says the simulator\./)

    const rows = await stand.settled()
    expectTruth(rows, stand.simulator.truth())
    deepEqual(
      rows.map(({ kind, transport, path, model, status, ending, precision, member, attempts }) => ({
        kind,
        transport,
        path,
        model,
        status,
        ending,
        precision,
        member,
        attempts,
      })),
      [
        {
          kind: 'turn',
          transport: 'sse',
          path: '/v1/responses',
          model: 'gpt-5.5',
          status: 200,
          ending: 'complete',
          precision: 'exact',
          member: 'alice',
          attempts: 1,
        },
      ],
    )
  })
})
