import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { ALPHA, ALPHA_TWIN, BETA, startCodexStand, type CodexStand } from '../support/codex-stand.ts'
import { MODELS, NAMES_THREAD } from '../support/codex-version.ts'
import { trueCredits } from '../support/true-credits.ts'
import { expectTruth } from '../support/truth.ts'

suite('a codex session with tools', () => {
  const keys = { 'two keys of one organization': [ALPHA, ALPHA_TWIN], 'keys of two organizations': [ALPHA, BETA] }
  for (const [name, upstreams] of Object.entries(keys)) {
    for (const model of MODELS) {
      test(`edits a file over several turns with ${name} (${model})`, async () => {
        await using line = await startCodexStand({
          simulator: { agent: 'shell-and-edit' },
          upstreams,
          codex: { model },
        })
        const result = await line.codex.exec(['Write the note.'])
        equal(result.code, 0, result.stderr)
        match(result.stdout, /I ran a command and edited note\.txt/)
        equal(readFileSync(join(line.codex.work, 'note.txt'), 'utf8'), 'hello, world\n')
        await expectOneThread(line, { calls: 3, messages: 1 })

        const resumed = await line.codex.exec(['resume', '--last', 'Write it once more.'])
        equal(resumed.code, 0, resumed.stderr)
        match(resumed.stdout, /I ran a command and edited note\.txt/)
        equal(readFileSync(join(line.codex.work, 'note.txt'), 'utf8'), 'hello, world\n')
        await expectOneThread(line, { calls: 6, messages: 2 })
      })
    }
  }
})

/** Everything so far was one thread at one organization, each call of it once in the ledger and at its true cost. */
async function expectOneThread(line: CodexStand, expected: { calls: number; messages: number }): Promise<void> {
  const truth = line.stand.simulator.truth()
  const rows = await line.stand.settled()
  equal(line.requests().length, expected.calls)
  equal(rows.length, expected.calls)
  expectTruth(rows, truth)
  deepEqual(new Set(rows.map((row) => row.kind)), new Set(['turn']))
  deepEqual(new Set(rows.map((row) => row.ending)), new Set(['complete']))
  for (const ids of [rows.map((row) => row.threadId), rows.map((row) => row.sessionId)]) equal(new Set(ids).size, 1)
  ok(rows[0]?.sessionId !== undefined)
  equal(rows[0].threadId !== undefined, NAMES_THREAD)
  equal(new Set(truth.map((call) => call.organization)).size, 1)
  deepEqual(new Set(truth.map((call) => call.status)), new Set([200]))
  const [usage] = await line.stand.usage()
  deepEqual([usage?.requests, usage?.messages, usage?.credits], [expected.calls, expected.messages, trueCredits(truth)])
}
