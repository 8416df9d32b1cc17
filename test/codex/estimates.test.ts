import { equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { cardWith, creditsOf, rateOf } from '../../src/core/price.ts'
import type { CallRow } from '../../src/ports.ts'
import type { TrueCall } from '../../src/simulator/simulator.ts'
import { MODELS } from '../support/codex-version.ts'
import { startCodexStand, type CodexStand } from '../support/codex-stand.ts'
import { randomFrom } from '../support/random.ts'
import { until } from '../support/stand.ts'
import type { TappedRequest } from '../support/tap.ts'
import { stream } from '../support/wire.ts'

const CUTS = 20
/** Made anew. */
const OWN = new Set(['host', 'content-length', 'connection'])

/** What models say: prose, code, the JSON of a tool's arguments, and other scripts. */
const SAYINGS: readonly string[] = [
  'The relay keeps one chunk at a time, so a slow client slows its upstream; I would rather not buffer more than that.',
  'export function headroom(windows: readonly QuotaWindow[], spent: readonly bigint[]): bigint {\n  for (const [i, window] of windows.entries()) {\n    if (window.limit <= (spent[i] ?? 0n)) return 0n\n  }\n}\n',
  '{"command": ["bash", "-lc", "rg -n \'usage\' src --glob \'*.ts\' | head -40"], "workdir": "/home/me/work", "timeout_ms": 120000}',
  'Шлюз считает каждый вызов один раз, даже если процесс был убит посреди ответа; остальное видно в журнале.',
  'ゲートウェイは 各呼び出しを 一度だけ 記録し、途中で 切れた 応答は 見積もりとして 請求します。',
]

/** Answers of 20 to 400 words, each of one kind. */
function textsOf(sayings: readonly string[], random: () => number): readonly string[] {
  return Array.from({ length: 100 }, () => {
    const words = (sayings[Math.floor(random() * sayings.length)] ?? '').split(/(?<=\s)/)
    const from = Math.floor(random() * words.length)
    const length = 20 + Math.floor(random() * 380)
    return Array.from({ length }, (_, at) => words[(from + at) % words.length]).join('')
  })
}

function costOf(call: TrueCall): number {
  const card = cardWith()
  const rate = rateOf(call.model ?? '', call.startedAt, card)
  return rate ? Number(creditsOf(call, rate, { tenths: 10n, known: true })) : NaN
}

/** Asks as Codex did, and leaves after so many of the answer's events; undefined where it had no more. */
async function cutShort(
  { stand }: CodexStand,
  request: TappedRequest,
  events: number,
): Promise<{ readonly truth: TrueCall; readonly row: CallRow } | undefined> {
  const before = stand.simulator.truth().length
  const { method, path, rawHeaders, body } = request
  const headers = rawHeaders.filter((_, i) => !OWN.has(rawHeaders[i - (i % 2)]?.toLowerCase() ?? ''))
  const reply = await stream(stand.url, { method, path, headers, body: body.toString() })
  try {
    await reply.events(events)
  } catch {
    // The answer was shorter: it is whole, and one more to learn from.
    return undefined
  }
  reply.kill()
  const truth = await until(() => stand.simulator.truth()[before])
  const row = await until(async () =>
    (await stand.calls()).find(({ responseId, ending }) => responseId === truth.id && ending !== undefined),
  )
  // All of it may have been said already when it was cut.
  return row.precision === 'exact' ? undefined : { truth, row }
}

/** Of so many calls that were cut at random events: the median share by which their charge is off. */
async function medianError(model: string, sayings: readonly string[], random: () => number): Promise<number> {
  const simulator = { texts: textsOf(sayings, random), eventDelayMs: 2 }
  await using line = await startCodexStand({ simulator, codex: { model } })
  for (const args of [['What do you see?'], ['resume', '--last', 'Once more, please.'], ['Another question.']]) {
    const result = await line.codex.exec(args)
    equal(result.code, 0, result.stderr)
  }
  const recorded = line.requests()
  const errors: number[] = []
  for (let i = 0; errors.length < CUTS; i++) {
    const request = recorded[i % recorded.length]
    ok(request)
    const cut = await cutShort(line, request, 8 + Math.floor(random() * 300))
    if (!cut) continue
    equal(cut.row.precision, 'estimated')
    const cost = costOf(
      await until(() => line.stand.simulator.truth().find(({ id, aborted }) => aborted && id === cut.truth.id)),
    )
    errors.push(Math.abs(Number(cut.row.credits) - cost) / cost)
  }
  return errors.toSorted((a, b) => a - b)[errors.length >> 1] ?? 1
}

suite('a codex turn that is cut short', () => {
  for (const model of MODELS) {
    const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))

    test(`is charged what it has used, within a tenth, where answers are alike (${model}, SEED=${seed})`, async () => {
      const median = await medianError(model, SAYINGS.slice(0, 1), randomFrom(seed))
      ok(median < 0.1, `median error ${median}`)
    })

    // What it learns from here are the three whole answers before, of whatever kinds: by seed, medians of 1 to 14 % were seen.
    test(`is charged what it has used, within a quarter, where answers are of all kinds (${model}, SEED=${seed})`, async (context) => {
      const median = await medianError(model, SAYINGS, randomFrom(seed))
      context.diagnostic(`median error ${(median * 100).toFixed(1)} %`)
      ok(median < 0.25, `median error ${median}`)
    })
  }
})
