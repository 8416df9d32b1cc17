import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ALPHA, BETA, startCodexStand } from '../support/codex-stand.ts'
import { COMPACTION_NAMES_SESSION, COMPACTS_BY_PATH, NAMES_COMPACTION, NAMES_TURN } from '../support/codex-version.ts'
import { trueCredits } from '../support/true-credits.ts'
import { expectTruth } from '../support/truth.ts'

/** Less than the instructions alone take: Codex compacts before each turn but the first. */
const SMALL_CONTEXT = 'model_auto_compact_token_limit = 2000'

const kinds = {
  'compacts by a prompt of its own': {
    providerName: 'Team Gateway',
    kind: NAMES_COMPACTION ? 'compaction' : 'turn',
    sign: /CONTEXT CHECKPOINT COMPACTION/,
  },
  'compacts upstream': {
    providerName: 'OpenAI',
    kind: 'compaction',
    sign: COMPACTS_BY_PATH ? /^\/v1\/responses\/compact / : /\{"type":"compaction_trigger"\}/,
  },
}

suite('a codex session whose context is full', () => {
  for (const [name, { providerName, kind, sign }] of Object.entries(kinds)) {
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
        rows.map((row) => [row.kind, row.status, row.ending]),
        ['turn', kind, 'turn', kind, 'turn'].map((each) => [each, 200, 'complete']),
      )
      deepEqual(
        line.requests().map(({ path, body }) => sign.test(`${path} ${body.toString()}`)),
        [false, true, false, true, false],
      )
      equal(new Set(rows.map((row) => row.threadId)).size, 1)
      const truth = line.stand.simulator.truth().filter(({ status }) => status === 200)
      // Without its session nobody knows which organization can read it: the other one may be asked first.
      const inVain = line.stand.simulator.truth().length - truth.length
      ok(inVain <= (COMPACTION_NAMES_SESSION || kind === 'turn' ? 0 : 2), `${inVain} in vain`)
      expectTruth(rows, truth)
      equal(new Set(truth.map((call) => call.organization)).size, 1)
      const [usage] = await line.stand.usage()
      // What neither names its turn nor itself looks like a message.
      const messages = kind === 'turn' && !NAMES_TURN ? 5 : 3
      deepEqual([usage?.requests, usage?.messages, usage?.credits], [5, messages, trueCredits(truth)])
    })
  }
})
