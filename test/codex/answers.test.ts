import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { callUsd } from '../../src/core/call-usd.ts'
import { startCodexStand } from '../support/codex-stand.ts'
import { askedFor, HAS_FAST_TIER, LITE_MODELS, MODEL, MODELS } from '../support/codex-version.ts'
import { trueCredits } from '../support/true-credits.ts'
import { expectTruth } from '../support/truth.ts'

const TEXT = 'Forty-two, says the simulator.'

suite('the real codex exec', () => {
  test('answers through gateway and simulator, and the ledger has the truth', async () => {
    await using line = await startCodexStand({ simulator: { text: TEXT } })
    const result = await line.codex.exec(['What is the answer?'])
    equal(result.code, 0, result.stderr)
    match(result.stdout, /Forty-two, says the simulator\./)

    const rows = await line.stand.settled()
    expectTruth(rows, line.stand.simulator.truth())
    equal(line.requests().length, 1)
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
          model: MODEL,
          status: 200,
          ending: 'complete',
          precision: 'exact',
          member: 'alice',
          attempts: 1,
        },
      ],
    )
  })

  for (const model of LITE_MODELS) {
    test(`answers with the lite model ${model}, whose tools and marker reach upstream`, async () => {
      await using line = await startCodexStand({ simulator: { text: TEXT }, codex: { model } })
      const result = await line.codex.exec(['What is the answer?'])
      equal(result.code, 0, result.stderr)
      match(result.stdout, /Forty-two, says the simulator\./)
      equal(line.requests().length, 1)

      const [received] = line.stand.simulator.requests()
      const at = received?.rawHeaders.indexOf('x-openai-internal-codex-responses-lite') ?? -1
      equal(received?.rawHeaders[at + 1], 'true')
      match(received.body.toString(), /"type":"additional_tools"/)
      const rows = await line.stand.settled()
      expectTruth(rows, line.stand.simulator.truth())
      deepEqual(
        rows.map((row) => [row.kind, row.model, row.ending]),
        [['turn', model, 'complete']],
      )
    })
  }

  test('answers with a model that Codex does not know', async () => {
    const [unknown, asked] = ['gpt-5.99', askedFor('gpt-5.99')]
    await using line = await startCodexStand({ simulator: { models: [{ id: asked }] }, codex: { model: unknown } })
    const result = await line.codex.exec(['What is the answer?'])
    equal(result.code, 0, result.stderr)
    const rows = await line.stand.settled()
    expectTruth(rows, line.stand.simulator.truth())
    deepEqual(
      rows.map(({ model, ending }) => [model, ending]),
      [[asked, 'complete']],
    )
  })

  test('is shown no warning where upstream names the dated snapshot of the model', async () => {
    await using line = await startCodexStand({ simulator: { text: TEXT, openaiModel: 'snapshot' } })
    const result = await line.codex.exec(['What is the answer?'])
    equal(result.code, 0, result.stderr)
    ok(!/rerouted|cyber/i.test(result.stdout + result.stderr), result.stderr)
  })

  for (const model of MODELS) {
    test(`is charged for ${model} what the rates say of the tokens that upstream counted`, async () => {
      await using line = await startCodexStand({ simulator: { cacheWrites: true }, codex: { model } })
      for (const args of [['First.'], ['resume', '--last', 'Second.']]) {
        const result = await line.codex.exec(args)
        equal(result.code, 0, result.stderr)
      }
      const rows = await line.stand.settled()
      const truth = line.stand.simulator.truth()
      ok(truth.some((call) => call.cachedInputTokens > 0 && call.cacheWriteTokens > 0))
      const [usage] = await line.stand.usage()
      const sum = (of: (call: (typeof truth)[number]) => number): number =>
        truth.reduce((total, call) => total + of(call), 0)
      deepEqual(usage, {
        name: 'alice',
        credits: trueCredits(truth),
        inputTokens: sum((call) => call.inputTokens),
        cachedInputTokens: sum((call) => call.cachedInputTokens),
        outputTokens: sum((call) => call.outputTokens),
        totalTokens: sum((call) => call.inputTokens + call.outputTokens),
        requests: 2,
        messages: 2,
        wsConnections: 0,
        wsClientMessages: 0,
        wsUpstreamMessages: 0,
        usd: rows.reduce((total, row) => total + (callUsd(row) ?? 0n), 0n),
        unpriced: 0,
      })
    })
  }

  test('pays the priority rate where its user turned the fast tier on, if it knows one', async () => {
    await using line = await startCodexStand({ codex: { settings: 'service_tier = "fast"' } })
    const result = await line.codex.exec(['Quickly.'])
    equal(result.code, 0, result.stderr)
    const [row] = await line.stand.settled()
    equal(row?.serviceTier, HAS_FAST_TIER ? 'priority' : 'default')
    equal(row.credits, trueCredits(line.stand.simulator.truth()))
  })
})
