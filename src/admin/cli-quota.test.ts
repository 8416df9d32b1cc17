import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { FIVE_HOURS_MS, WEEK_MS } from '../core/quota.ts'
import { CALL, FakeWorld, NOW } from '../../test/support/admin-world.ts'

const HOUR = 3_600_000

function withQuota(): FakeWorld {
  const world = new FakeWorld()
  const of = { granted: 0n, held: 0n, openedAt: NOW - HOUR, since: NOW - HOUR }
  world.quota = {
    member: 'alice',
    at: NOW,
    windows: [
      {
        ...of,
        name: '5h',
        lengthMs: FIVE_HOURS_MS,
        limit: 150_000_000_000n,
        granted: 50_000_000_000n,
        settled: 75_000_000_000n,
        held: 1_500_000_000n,
        resetsAt: NOW + 4 * HOUR,
      },
      {
        ...of,
        name: 'weekly',
        lengthMs: WEEK_MS,
        limit: 0n,
        settled: 75_000_000_000n,
        resetsAt: NOW + WEEK_MS - HOUR,
      },
    ],
    adjustments: [
      {
        at: NOW,
        kind: 'grant',
        window: '5h',
        credits: 50_000_000_000n,
        until: NOW + HOUR,
        who: 'root',
        why: 'a\nb',
      },
    ],
  }
  return world
}

suite('admin quota', () => {
  test('shows what is used, held and left, when it resets, and when it runs out', async () => {
    const world = withQuota()
    equal(await world.run('admin', 'quota', 'show', 'alice'), 0)
    deepEqual(world.out.split('\n'), [
      'alice 5h: limit=150 granted=50 used=75 held=1.5 left=73.5 used_percent=50 resets_at=2026-11-23T14:00:00.000Z runs_out_at=2026-11-23T11:00:00.000Z',
      'alice weekly: limit=unlimited used=75 held=0 resets_at=2026-11-30T09:00:00.000Z',
      '2026-11-23T10:00:00.000Z grant: member=alice window=5h credits=50 until=2026-11-23T11:00:00.000Z who=root why="a\\nb"',
      '',
    ])
    equal(await world.run('admin', 'quota', 'show', 'alice', '--json'), 0)
    const shown = JSON.parse(world.out) as { windows: { left: unknown; runs_out_at: unknown }[] }
    deepEqual(
      shown.windows.map(({ left, runs_out_at: at }) => [left, at]),
      [
        [73.5, '2026-11-23T11:00:00.000Z'],
        [null, null],
      ],
    )
    world.interactive = true
    await world.run('admin', 'quota', 'show', 'alice')
    match(
      world.out,
      /^WINDOW +LIMIT.*RUNS OUT\n5h +150 +50 +75 +1\.5 +73\.5 +50 .*\nweekly +unlimited.*\n\nWHEN.*WHY\n/,
    )
  })

  test('shows of a call that passed how it would have been refused', async () => {
    const world = withQuota()
    world.calls = [{ ...CALL, ending: 'complete', wouldRefuse: 'member_5h_quota_exceeded' }, CALL]
    await world.run('admin', 'calls')
    const [first = '', second = ''] = world.out.split('\n')
    match(first, / ending=complete would_refuse=member_5h_quota_exceeded /)
    ok(!second.includes('would_refuse'))
    world.interactive = true
    await world.run('admin', 'calls')
    match(world.out, / complete, not member_5h_quota_exceeded /)
  })

  test('may be a member’s own in its windows, or as configured', async () => {
    const world = withQuota()
    const alice = ['add-member', 'alice', '--quota-window', 'rolling', '--daily-quota', '5', '--monthly-quota', '0']
    equal(await world.run('admin', ...alice), 0)
    await world.run('admin', 'list-members')
    match(world.out, / daily_quota=5 monthly_quota=0 quota_window=rolling/)
    equal(await world.run('admin', 'set-member', 'alice', '--quota-window', 'default', '--daily-quota', 'default'), 0)
    const [member] = world.registry.list
    deepEqual([member?.quotaWindow, member?.dailyQuota, member?.monthlyQuota], [undefined, undefined, 0n])
    equal(await world.run('admin', 'set-member', 'alice', '--quota-window', 'sliding'), 2)
    match(world.err, /--quota-window "sliding": must be anchored, rolling or default/)
  })

  test('resets and grants in the name of who gives the command', async () => {
    const world = withQuota()
    equal(await world.run('admin', 'quota', 'reset', 'alice', '--window', '5h', '--why', 'our bug'), 0)
    equal(
      world.out,
      '2026-11-23T10:00:00.000Z reset: member=alice window=5h credits=40 until=2026-11-23T10:00:01.000Z who=root why="our bug"\n',
    )
    equal(await world.run('admin', 'quota', 'grant', 'alice', '12.5', '--until', '3d', '--json'), 0)
    equal((JSON.parse(world.out) as { credits: number }[])[0]?.credits, 12.5)
    const who = 'root'
    deepEqual(world.wishes, [
      { member: 'alice', window: '5h', who, why: 'our bug' },
      { member: 'alice', credits: 12_500_000_000n, window: undefined, until: NOW + 72 * HOUR, who, why: undefined },
    ])
  })

  test('takes grants back in the name of who gives the command', async () => {
    const world = withQuota()
    equal(await world.run('admin', 'quota', 'revoke', 'alice', '--window', 'weekly', '--why', 'a typing error'), 0)
    match(world.out, / revoke: member=alice window=weekly credits=5000 .*who=root why="a typing error"\n$/)
    deepEqual(world.wishes, [{ member: 'alice', window: 'weekly', who: 'root', why: 'a typing error' }])
    equal(await world.run('admin', 'quota', 'revoke', 'alice', '--window', 'month'), 2)
  })

  test('tries limits on what has been, page by page', async () => {
    const world = withQuota()
    const day = 24 * HOUR
    // Each of 60 days has 200 calls of a credit by each of two members, one a minute.
    world.past = Array.from({ length: 24_000 }, (_, i) => {
      const admittedAt = NOW + Math.floor(i / 400) * day + (i % 400) * 30_000
      const member = i % 2 === 0 ? 'alice' : 'bob'
      const credits = member === 'alice' ? 1_000_000_000n : 500_000_000n
      return { seq: i + 1, member, admittedAt, endedAt: admittedAt, credits, opensWindows: true }
    })
    const whatIf = ['admin', 'quota', 'what-if']
    equal(await world.run(...whatIf, '--five-hour', '100'), 0)
    const lines = world.out.trimEnd().split('\n')
    equal(lines.length, 60)
    equal(
      lines[0],
      '2026-11-23T11:40:00.000Z: member=alice window=5h to=2026-11-23T13:19:00.000Z calls=100 credits=100',
    )
    equal(await world.run(...whatIf, '--weekly', '150', '--json'), 0)
    const stretches = JSON.parse(world.out) as { member: string; calls: number }[]
    deepEqual(
      stretches.filter(({ member }) => member === 'alice').map(({ calls }) => calls),
      [1250, 1250, 1250, 1250, 1250, 1250, 1250, 1250, 650],
    )
    equal(await world.run(...whatIf, '--five-hour', '201'), 0)
    equal(world.out, 'nobody would have been refused\n')
    equal(await world.run(...whatIf), 2)
    match(world.err, /nothing to try/)
    equal(await world.run(...whatIf, '--weekly', '5', '--since', 'ever'), 2)
    match(world.err, /--since "ever": must be a date/)
    equal(await world.run(...whatIf, '--weekly', '5', '--since', '2030-01-01'), 2)
    match(world.err, /--since "2030-01-01": must be in the past; it is 2026-11-23T10:00:00\.000Z now/)
  })

  test('tries limits in windows as the configuration has them, or as was asked', async () => {
    const world = withQuota()
    // A credit an hour: after 7 of them a window of 5 hours has been open twice; what rolls out does so a minute later.
    world.past = Array.from({ length: 7 }, (_, i) => {
      const at = NOW + i * HOUR
      return { seq: i + 1, member: 'alice', admittedAt: at, endedAt: at, credits: 1_000_000_000n, opensWindows: true }
    })
    const refused = async (...more: readonly string[]): Promise<number> => {
      equal(await world.run('admin', 'quota', 'what-if', '--five-hour', '2', '--json', ...more), 0, world.err)
      return (JSON.parse(world.out) as { calls: number }[]).reduce((sum, { calls }) => sum + calls, 0)
    }
    const [anchored, rolling] = [await refused(), await refused('--quota-window', 'rolling')]
    deepEqual([anchored, rolling], [3, 4])
    world.quotaWindow = 'rolling'
    deepEqual([await refused(), await refused('--quota-window', 'anchored')], [rolling, anchored])
    equal(await world.run('admin', 'quota', 'what-if', '--five-hour', '2', '--quota-window', 'default'), 2)
    match(world.err, /--quota-window "default": must be one of anchored, rolling\n$/)
  })

  test('says how many calls limits could not be tried on, because they were deleted', async () => {
    const world = withQuota()
    world.pruned = { calls: 2, before: NOW }
    equal(await world.run('admin', 'quota', 'what-if', '--five-hour', '1', '--since', '7d'), 0)
    match(
      world.err,
      /warning: 2 calls that started before 2026-11-23T10:00:00.000Z were deleted \(\[retention\]\): the limits were not tried on them\n$/,
    )
    deepEqual(world.prunedAsked, [{ from: NOW - 7 * 24 * HOUR, to: NOW, member: undefined }])
  })

  test('says what is wrong with what it was asked, and changes nothing', async () => {
    const world = withQuota()
    for (const [words, right] of [
      [
        ['reset', 'alice', '--window', 'month'],
        /--window "month": must be the name of a window: 5h, daily, weekly, monthly/,
      ],
      [['grant', 'alice', 'much'], /credits "much": must be a number of credits/],
      [['grant', 'alice', '0'], /nothing to grant/],
      [['grant', 'alice', '5', '--until', 'yesterday'], /--until/],
      [['grant', 'alice'], /missing required argument/],
      [['reset', 'alice', '--why', ' '], /--why/],
    ] as const) {
      equal(await world.run('admin', 'quota', ...words), 2, words.join(' '))
      match(world.err, right)
    }
    deepEqual(world.wishes, [])
  })
})
