import { equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { cardWith, creditsOf, rateOf } from '../../src/core/price.ts'
import type { CallRow } from '../../src/ports.ts'
import type { TrueCall } from '../../src/simulator/simulator.ts'
import { MODELS } from '../support/codex-version.ts'
import { startCodexStand, type CodexStand } from '../support/codex-stand.ts'
import { until } from '../support/stand.ts'
import type { TappedRequest } from '../support/tap.ts'
import { stream } from '../support/wire.ts'

const DELTAS = 150
/** Made anew. */
const OWN = new Set(['host', 'content-length', 'connection'])

/** The same cuts in each run. */
function* fractions(): Generator<number> {
  for (let i = 1; ; i++) yield (i * 0.618_033_988_75) % 1
}

function costOf(call: TrueCall): number {
  const card = cardWith()
  const rate = rateOf(call.model ?? '', call.startedAt, card)
  return rate ? Number(creditsOf(call, rate, { tenths: 10n, known: true })) : NaN
}

/** Asks as Codex did, and leaves after a part of the answer's events. */
async function cutShort(
  { stand }: CodexStand,
  request: TappedRequest,
  part: number,
): Promise<{ readonly truth: TrueCall; readonly row: CallRow }> {
  const before = stand.simulator.truth().length
  const { method, path, rawHeaders, body } = request
  const headers = rawHeaders.filter((_, i) => !OWN.has(rawHeaders[i - (i % 2)]?.toLowerCase() ?? ''))
  const reply = await stream(stand.url, { method, path, headers, body: body.toString() })
  await reply.events(8 + Math.floor(part * DELTAS))
  reply.kill()
  const truth = await until(() =>
    stand.simulator
      .truth()
      .slice(before)
      .find(({ aborted }) => aborted),
  )
  const row = await until(async () => (await stand.calls()).find(({ responseId }) => responseId === truth.id))
  return { truth, row }
}

suite('a codex turn that is cut short', () => {
  for (const model of MODELS) {
    test(`is charged what it has used, within a tenth (${model})`, async () => {
      const simulator = { deltas: DELTAS, eventDelayMs: 2 }
      await using line = await startCodexStand({ simulator, codex: { model } })
      for (const args of [['What do you see?'], ['resume', '--last', 'Once more, please.'], ['Another question.']]) {
        const result = await line.codex.exec(args)
        equal(result.code, 0, result.stderr)
      }
      const recorded = line.requests()
      const errors: number[] = []
      const parts = fractions()
      for (let i = 0; i < 30; i++) {
        const request = recorded[i % recorded.length]
        ok(request)
        const { truth, row } = await cutShort(line, request, parts.next().value as number)
        equal(row.precision, 'estimated')
        errors.push(Math.abs(Number(row.credits) - costOf(truth)) / costOf(truth))
      }
      const median = errors.toSorted((a, b) => a - b)[errors.length >> 1] ?? 1
      ok(median < 0.1, `median error ${median}: ${errors.map((error) => error.toFixed(3)).join(' ')}`)
    })
  }
})
