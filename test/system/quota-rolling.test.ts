import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { rowsIn } from '../support/ledger-file.ts'
import { startStand, until } from '../support/stand.ts'
import { ask, turn } from '../support/wire.ts'

const SIMULATOR = { tokens: 'bytes', text: 'Hello.', reasoningTokens: 0 } as const

suite('a quota by configuration', { concurrency: 4 }, () => {
  test('rolls: the refusal and its headers name the moment at which there is room', async () => {
    await using on = await startStand({
      simulator: SIMULATOR,
      member: { fiveHourQuota: 1000n },
      toml: '[quota]\nwindow = "rolling"\n',
    })
    equal((await ask(on.url, turn(on.key))).header('x-codex-primary-reset-at'), undefined)
    await on.settled()
    const refused = await ask(on.url, turn(on.key, { stream: false }))
    equal(refused.status, 429)
    match(
      refused.text,
      /Your 5-hour quota is used up: .* credits\. There is room again at 20.*Z\. Ask your gateway admin/,
    )
    const resetAt = Number(refused.header('x-codex-primary-reset-at'))
    const [row] = await rowsIn(on.folder, 'SELECT minute FROM spend')
    equal(resetAt * 1000, Number(row?.['minute']) + 60_000 + 5 * 3_600_000)
    await on.admin(({ registry }) =>
      registry.setMember('alice', { quotaWindow: 'anchored', fiveHourQuota: 10n ** 15n }),
    )
    await until(async () =>
      (await ask(on.url, turn(on.key))).header('x-codex-primary-reset-at') === undefined ? undefined : true,
    )
  })

  test('has windows of a day and a month for everybody who has none of their own', async () => {
    await using on = await startStand({
      simulator: SIMULATOR,
      member: { monthlyQuota: 10n ** 15n },
      toml: '[quota]\ndaily = 0.000001\nmonthly = 0.000002\n',
    })
    const bob = await on.addMember({ name: 'bob', dailyQuota: 0n })
    const carol = await on.addMember({ name: 'carol', dailyQuota: 0n, monthlyQuota: 0n })
    const codes: (string | undefined)[] = []
    for (const key of [on.key, bob, carol]) {
      await until(async () => ((await ask(on.url, turn(key))).status === 200 ? true : undefined))
      await on.settled()
      const { text } = await ask(on.url, turn(key, { stream: false }))
      codes.push(/"code":"(\w+)"/.exec(text)?.[1])
    }
    deepEqual(codes, ['member_daily_quota_exceeded', 'member_monthly_quota_exceeded', undefined])
  })
})
