import { equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { rowsIn } from '../support/ledger-file.ts'
import { startStand } from '../support/stand.ts'
import { ask, turn } from '../support/wire.ts'

const PLACES = 4
/** Two models of one price: what was learned of the first says nothing of the other. */
const MODELS = [{ id: 'gpt-a' }, { id: 'gpt-b' }]
const RATE = '{ input = 125, cached = 12.5, output = 750 }'
/** A call holds 4,000 tokens of output and costs ten times as much. */
const SIMULATOR = { tokens: 'bytes', text: 'Hello.', reasoningTokens: 40_000, models: MODELS } as const

suite('the edge of a quota', { concurrency: 2 }, () => {
  for (const mode of ['anchored', 'rolling']) {
    test(`is overshot by one call for each place, by 50 calls at once whose cost nobody foresaw (${mode})`, async () => {
      await using on = await startStand({
        simulator: SIMULATOR,
        member: { maxConcurrent: PLACES, fiveHourQuota: 10n ** 15n },
        upstreams: [{ name: 'alpha', maxConcurrent: 50 }],
        toml: `[quota]\nwindow = "${mode}"\n[limits]\ncodex_queue_secs = 20\n[credit.rates]\ngpt-a = ${RATE}\ngpt-b = ${RATE}\n`,
      })
      match((await ask(on.url, turn(on.key, { model: 'gpt-a' }))).text, /response\.completed/)
      const [first] = await on.settled()
      const cost = first?.credits ?? 0n
      const [row] = await rowsIn(on.folder, 'SELECT hold FROM calls')
      const hold = BigInt(row?.['hold'] ?? 0)
      ok(cost > 5n * hold, `a call costs ${cost} and holds ${hold}`)
      // So much is left that every place may be used.
      const limit = cost + BigInt(PLACES) * hold
      await on.admin(({ registry }) => registry.setMember('alice', { fiveHourQuota: limit }))
      await on.heard()

      on.simulator.script({ headDelayMs: 200, times: null })
      const answers = await Promise.all(Array.from({ length: 50 }, () => ask(on.url, turn(on.key, { model: 'gpt-b' }))))
      const served = answers.filter(({ text }) => text.includes('response.completed')).length
      const refused = answers.filter(({ status }) => status === 429)
      equal(served, PLACES, 'each place is used once')
      equal(refused.length, 50 - PLACES)
      for (const { text } of refused) match(text, /member_5h_quota_exceeded/)
      equal(on.simulator.truth().length, 1 + PLACES)

      const spent = (await on.settled()).reduce((sum, { credits }) => sum + credits, 0n)
      ok(spent > limit)
      ok(spent - limit < BigInt(PLACES) * cost, `overshot by ${spent - limit}`)
      const [window] = (await on.admin(({ quotas }) => quotas.view('alice'))).windows
      equal(window?.settled, spent)
      equal(window.held, 0n)
    })
  }
})
