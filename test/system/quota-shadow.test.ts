import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { create, talk } from '../support/socket-client.ts'
import { startStand } from '../support/stand.ts'
import { ask, turn } from '../support/wire.ts'

const SHADOW = '[quota]\nenforcement = "shadow"\n'
const SIMULATOR = { tokens: 'bytes', text: 'Hello.', reasoningTokens: 0 } as const

suite('a quota that is not enforced', { concurrency: 4 }, () => {
  test('lets every call pass, counts all of them, and notes which would have been refused', async () => {
    await using on = await startStand({ simulator: SIMULATOR, member: { weeklyQuota: 1000n }, toml: SHADOW })
    for (let i = 0; i < 3; i++) {
      const answered = await ask(on.url, turn(on.key))
      match(answered.text, /response\.completed/)
      equal(answered.header('x-codex-secondary-used-percent'), i === 0 ? '0' : '100')
      await on.settled()
    }
    const rows = await on.settled()
    deepEqual(
      rows.map(({ wouldRefuse, refusal, ending }) => [wouldRefuse, refusal, ending]),
      [
        ['member_weekly_quota_exceeded', undefined, 'complete'],
        ['member_weekly_quota_exceeded', undefined, 'complete'],
        [undefined, undefined, 'complete'],
      ],
    )
    const view = await on.admin(({ quotas }) => quotas.view('alice'))
    equal(
      view.windows[1]?.settled,
      rows.reduce((sum, { credits }) => sum + credits, 0n),
    )
    equal(on.simulator.truth().length, 3)
  })

  test('makes no call wait for room that others hold', async () => {
    await using on = await startStand({ simulator: SIMULATOR, member: { fiveHourQuota: 1000n }, toml: SHADOW })
    on.simulator.script({ headDelayMs: 300, times: null })
    const answers = await Promise.all(Array.from({ length: 4 }, () => ask(on.url, turn(on.key))))
    for (const { text } of answers) match(text, /response\.completed/)
    deepEqual(
      (await on.settled()).map(({ wouldRefuse }) => wouldRefuse),
      [undefined, undefined, undefined, undefined],
      'none was settled when they began',
    )
  })

  test('ends no conversation', async () => {
    await using on = await startStand({ simulator: SIMULATOR, member: { fiveHourQuota: 1n }, toml: SHADOW })
    for (let conversations = 0; conversations < 2; conversations++) {
      using client = await talk(on.url, on.key)
      for (let turns = 0; turns < 2; turns++) {
        client.say(create())
        await client.event('response.completed')
      }
    }
    const marked = (await on.settled()).map(({ wouldRefuse }) => wouldRefuse !== undefined)
    deepEqual(marked, [true, true, true, false])
  })
})
