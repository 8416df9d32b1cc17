import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ALPHA, BETA, startCodexStand } from '../support/codex-stand.ts'
import { trueCredits } from '../support/true-credits.ts'
import { expectTruth } from '../support/truth.ts'

/** Less than the instructions alone take: Codex compacts before each turn but the first. */
const SMALL_CONTEXT = 'model_auto_compact_token_limit = 2000'

suite('a codex session whose context is full', () => {
  const kinds = {
    'compacts by a prompt of its own': { providerName: 'Team Gateway', sign: /CONTEXT CHECKPOINT COMPACTION/ },
    'compacts upstream': { providerName: 'OpenAI', sign: /\{"type":"compaction_trigger"\}/ },
  }
  for (const [name, { providerName, sign }] of Object.entries(kinds)) {
    test(`${name} and goes on`, async () => {
      await using line = await startCodexStand({
        simulator: { text: 'Done.' },
        upstreams: [ALPHA, BETA],
        codex: { providerName, settings: SMALL_CONTEXT },
      })
      for (const args of [['First.'], ['resume', '--last', 'Second.'], ['resume', '--last', 'Third.']]) {
        const result = await line.codex.exec(args, 30_000)
        equal(result.code, 0, result.stderr)
        match(result.stdout, /Done\./)
      }

      const rows = (await line.stand.settled()).toReversed()
      deepEqual(
        rows.map(({ kind, status, ending }) => [kind, status, ending]),
        ['turn', 'compaction', 'turn', 'compaction', 'turn'].map((kind) => [kind, 200, 'complete']),
      )
      deepEqual(
        line.requests().map((request) => sign.test(request.body.toString())),
        [false, true, false, true, false],
      )
      equal(new Set(rows.map((row) => row.threadId)).size, 1)
      const truth = line.stand.simulator.truth()
      expectTruth(rows, truth)
      equal(new Set(truth.map((call) => call.organization)).size, 1)
      const [usage] = await line.stand.usage()
      deepEqual([usage?.requests, usage?.messages, usage?.credits], [5, 3, trueCredits(truth)])
    })
  }
})
