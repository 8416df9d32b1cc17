import { equal, match, ok } from 'node:assert/strict'
import { mock, suite, test } from 'node:test'
import { gatewayError, triesAgainLater } from '../support/error-row.ts'
import { startStand, until } from '../support/stand.ts'
import { ask, failureIn, turn } from '../support/wire.ts'

const NO_MONEY = {
  status: 429,
  body: { error: { message: 'You exceeded your current quota.', code: 'insufficient_quota' } },
}

suite('a key that is out of money', () => {
  test('is no model that does not exist, while it is tried again: whoever comes then may come back', async () => {
    mock.timers.enable({ apis: ['Date'], now: Date.now() })
    try {
      await using on = await startStand({ simulator: { text: 'Hello.', tokens: 'bytes' } })
      on.simulator.script(NO_MONEY)
      gatewayError(await ask(on.url, turn(on.key)))
      gatewayError(await ask(on.url, turn(on.key)))
      equal(on.simulator.truth().length, 1)
      // Every five minutes one call tries it again.
      mock.timers.setTime(Date.now() + 301_000)
      on.simulator.script({ headDelayMs: 6000 })
      const probe = ask(on.url, turn(on.key))
      await until(() => on.simulator.truth()[1])
      const meanwhile = await ask(on.url, turn(on.key))
      triesAgainLater(meanwhile)
      match(failureIn(meanwhile.text)?.message ?? '', /upstream keys can serve this call at the moment/)
      ok(!meanwhile.text.includes('OpenAI gives'))
      const plain = await ask(on.url, turn(on.key, { stream: false }))
      equal(plain.status, 502)
      match(plain.text, /"code":"upstream_error"/)
      equal(on.simulator.truth().length, 2)
      match((await probe).text, /response\.completed/)
      match((await ask(on.url, turn(on.key))).text, /response\.completed/)
    } finally {
      mock.timers.reset()
    }
  })
})
