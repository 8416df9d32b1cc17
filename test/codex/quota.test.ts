import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { NANO_PER_CREDIT } from '../../src/core/units.ts'
import { APOSTROPHE } from '../support/codex-version.ts'
import { startCodexStand } from '../support/codex-stand.ts'

/** Codex's first request alone costs about one. */
const TINY = NANO_PER_CREDIT / 100n
const HUGE = 1_000_000n * NANO_PER_CREDIT
const DEFAULT_CONTACT = 'Ask your gateway admin for more quota'

suite('codex exec of a member with quotas', () => {
  const windows = [
    { name: '5-hour', member: { fiveHourQuota: TINY, weeklyQuota: HUGE }, refusal: 'member_5h_quota_exceeded' },
    { name: 'weekly', member: { fiveHourQuota: HUGE, weeklyQuota: TINY }, refusal: 'member_weekly_quota_exceeded' },
    { name: 'only', member: { weeklyQuota: TINY }, refusal: 'member_weekly_quota_exceeded' },
  ]
  for (const { name, member, refusal } of windows) {
    test(`is told once that its ${name} window is spent, whom to ask, and when to come back`, async () => {
      await using line = await startCodexStand({ member })
      const first = await line.codex.exec(['First.'])
      equal(first.code, 0, first.stderr)
      await line.stand.settled()
      const second = await line.codex.exec(['Second.'])
      ok(second.code !== 0)
      match(second.stderr, limitText(DEFAULT_CONTACT))
      equal(line.requests().length, 2)
      equal(line.stand.simulator.requests().length, 1)
      const [row] = await line.stand.calls()
      deepEqual([row?.ending, row?.status, row?.refusal, row?.credits], ['refused', 429, refusal, 0n])
    })
  }

  test('is given the contact that the gateway is set up with', async () => {
    await using line = await startCodexStand({
      member: { fiveHourQuota: TINY },
      toml: '[quota]\ncontact = "Write to Dana (dana@example.com)"\n',
    })
    await line.codex.exec(['First.'])
    await line.stand.settled()
    const second = await line.codex.exec(['Second.'])
    match(second.stderr, limitText('Write to Dana (dana@example.com)'))
    equal(line.requests().length, 2)
  })

  test('goes on as soon as its quota is raised', async () => {
    await using line = await startCodexStand({ member: { fiveHourQuota: TINY } })
    await line.codex.exec(['First.'])
    await line.stand.settled()
    ok((await line.codex.exec(['Second.'])).code !== 0)
    await line.stand.admin(({ registry }) => registry.setMember('alice', { fiveHourQuota: HUGE }))
    await line.stand.heard()
    const third = await line.codex.exec(['Third.'])
    equal(third.code, 0, third.stderr)
    equal(line.requests().length, 3)
  })

  test('writes its quota percentages into the session record', async () => {
    await using line = await startCodexStand({
      member: { fiveHourQuota: 40n * NANO_PER_CREDIT, weeklyQuota: 200n * NANO_PER_CREDIT },
    })
    const before = Date.now()
    for (const args of [['First.'], ['resume', '--last', 'Second.']]) {
      const result = await line.codex.exec(args)
      equal(result.code, 0, result.stderr)
      await line.stand.settled()
    }
    const limits = line.codex.records().flatMap(rateLimitsIn)
    // Each turn tells what was settled before it; the second thus tells the first one's price.
    const rows = (await line.stand.settled()).toReversed()
    const spent = rows[0]?.credits ?? 0n
    const last = limits.at(-1)
    ok(spent > 0n && last)
    equal(last.limit_id, 'codex')
    equal(last.primary.window_minutes, 300)
    equal(last.secondary.window_minutes, 10_080)
    equal(last.primary.used_percent, percent(spent, 40n))
    equal(last.secondary.used_percent, percent(spent, 200n))
    const [fiveHours, week] = [last.primary.resets_at * 1000 - before, last.secondary.resets_at * 1000 - before]
    ok(Math.abs(fiveHours - 5 * 3_600_000) < 60_000, `resets in ${fiveHours} ms`)
    ok(Math.abs(week - 7 * 86_400_000) < 60_000, `resets in ${week} ms`)
  })

  test('writes no percentages where its member has no quota', async () => {
    await using line = await startCodexStand()
    const result = await line.codex.exec(['First.'])
    equal(result.code, 0, result.stderr)
    const windows = line.codex.records().flatMap(rateLimitsIn)
    ok(windows.length > 0)
    for (const { primary, secondary } of windows) deepEqual([primary, secondary], [null, null])
  })
})

function limitText(contact: string): RegExp {
  const escaped = contact.replaceAll(/[().]/g, '\\$&')
  return new RegExp(`You${APOSTROPHE}ve hit your usage limit\\. ${escaped}, or try again at [A-Z0-9].*[AP]M\\.`)
}

interface RateLimits {
  readonly limit_id: string
  readonly primary: Window
  readonly secondary: Window
}

interface Window {
  readonly used_percent: number
  readonly window_minutes: number
  /** Unix seconds. */
  readonly resets_at: number
}

/** What a line of a session record says of limits: in `token_count` events, where Codex knows any. */
function rateLimitsIn(record: Readonly<Record<string, unknown>>): RateLimits[] {
  const payload = record['payload'] as { readonly type?: string; readonly rate_limits?: RateLimits | null } | undefined
  const limits = payload?.type === 'token_count' ? payload.rate_limits : undefined
  return limits ? [limits] : []
}

/** As the header says it: two decimals, rounded down. */
function percent(spent: bigint, quotaCredits: bigint): number {
  return Number((spent * 10_000n) / (quotaCredits * NANO_PER_CREDIT)) / 100
}
