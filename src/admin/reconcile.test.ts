import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { FakeWorld, NOW } from '../../test/support/admin-world.ts'
import { DAY_MS, NOTHING, type BookedUsage, type LedgerSums } from '../core/reconcile.ts'
import type { UpstreamId } from '../core/units.ts'
import { BooksUnavailable } from '../ports.ts'

const TODAY = NOW - (NOW % DAY_MS)
const YESTERDAY = TODAY - DAY_MS
const FIGURES = { requests: 100, input: 10_000, cached: 4_000, output: 2_000 }

const SUMS: LedgerSums = {
  day: YESTERDAY,
  upstream: 1 as UpstreamId,
  model: 'gpt-5.5',
  proven: FIGURES,
  unproven: NOTHING,
  failed: 0,
  overMidnight: 0,
  usd: { proven: 112_000_000n, unproven: 0n },
}
const BOOKED: BookedUsage = {
  day: YESTERDAY,
  project: 'proj_1',
  apiKeyId: 'key_1',
  model: 'gpt-5.5-2026-04-23',
  ...FIGURES,
}
const BILLED = { day: YESTERDAY, project: 'proj_1', apiKeyId: 'key_1', lineItem: 'gpt-5.5-2026-04-23, input' }

/** One upstream key of a known id, with yesterday in both books. */
async function world(booked: Partial<BookedUsage> = {}, sums: Partial<LedgerSums> = {}): Promise<FakeWorld> {
  const made = new FakeWorld()
  await made.run('admin', 'add-upstream-key', 'main', 'sk-x', '--api-key-id', 'key_1', '--project', 'proj_1')
  await made.run('admin', 'set-admin-key', 'sk-admin')
  made.bookedKeys = { projects: ['proj_1'], found: new Map() }
  made.booked = [{ ...BOOKED, ...booked }]
  made.bill = [{ ...BILLED, cost: 112_000_000_000n }]
  made.sums = [{ ...SUMS, ...sums }]
  return made
}

suite('reconcile on the command line', () => {
  test('says that all is right, in words, lines and JSON', async () => {
    const on = await world()
    equal(await on.run('admin', 'reconcile'), 0)
    deepEqual(on.out.split('\n'), [
      '2026-11-22 final main gpt-5.5: openai=100/10000/4000/2000 proven=100/10000/4000/2000 unproven=0/0/0/0 ' +
        'drift=0/0/0/0 unexplained=0/0/0/0 failed_attempts=0 over_midnight=0 openai_usd=0.112 drift_usd=0.00',
      'drift: 0 % (threshold 2 %): within it',
      'that is 0 of 100 requests, 0 of 10000 input tokens, 0 of 4000 cached tokens, 0 of 2000 output tokens, $0.00 of $0.112',
      'no tokens differ',
      '',
    ])
    deepEqual(
      on.daysAsked,
      [7, 6, 5, 4, 3, 2, 1].map((ago) => ({ from: TODAY - ago * DAY_MS, to: TODAY - (ago - 1) * DAY_MS })),
    )
    on.interactive = true
    await on.run('admin', 'reconcile')
    match(on.out, /^DAY +BOOKS +KEY +MODEL +REQUESTS +UNPROVEN +± REQUESTS/)
    match(on.out, /^2026-11-22 {2}final {2}main {2}gpt-5\.5 +100 +0 +0/m)
    equal(await on.run('admin', 'reconcile', '--json'), 0)
    const json = JSON.parse(on.out) as Record<string, unknown> & { rows: Record<string, unknown>[] }
    deepEqual(
      [json['from'], json['to'], json['drift_percent'], json['over'], json['keys'], json.rows[0]?.['ledger_usd']],
      ['2026-11-16', '2026-11-22', 0, false, [{ name: 'main', api_key_id: 'key_1', project: null }], 0.112],
    )
  })

  test('ends with 1 above the threshold alone, and says whether unproven calls can be why', async () => {
    const unproven = { requests: 3, input: 300, cached: 0, output: 20 }
    const explained = await world({ requests: 103, input: 10_420, cached: 4_100, output: 2_050 }, { unproven })
    equal(await explained.run('admin', 'reconcile', '--threshold', '2.5'), 0)
    equal(await explained.run('admin', 'reconcile'), 1)
    match(explained.out, /^drift: 2\.44 % \(threshold 2 %\): TOO MUCH$/m)
    match(explained.out, /^all of it is explained by calls that cannot be proven/m)
    const strange = await world({ requests: 104, output: 2_100 }, {})
    equal(await strange.run('admin', 'reconcile'), 1)
    match(strange.out, /^not explained by calls .*: 4 requests, 0 input tokens, 0 cached tokens, 100 output tokens$/m)
    const dear = await world()
    dear.bill = [{ ...BILLED, cost: 120_000_000_000n }]
    equal(await dear.run('admin', 'reconcile'), 1)
    match(dear.out, /drift_usd=0\.008$/m)
  })

  test('judges no day to which OpenAI may still add', async () => {
    const on = await world({ day: TODAY, output: 0 }, { day: TODAY })
    on.bill = []
    equal(await on.run('admin', 'reconcile', '--to', '2027-01-01'), 0)
    equal(on.daysAsked.at(-1)?.from, TODAY)
    on.daysAsked.length = 0
    equal(await on.run('admin', 'reconcile', '--from', '2026-11-23', '--to', '2026-11-30'), 0)
    match(on.out, /^2026-11-23 open main .* drift=0\/0\/0\/-2000 /)
    match(on.out, /^not judged, for OpenAI may still add to it: 2026-11-23$/m)
    deepEqual(on.daysAsked, [{ from: TODAY, to: TODAY + DAY_MS }])
  })

  test('judges no day whose calls are gone, and says so', async () => {
    const gone = { requests: 10, input: 1000, cached: 400, output: 200 }
    const on = await world({}, { proven: gone })
    equal(await on.run('admin', 'reconcile'), 1)
    on.lostDays = [YESTERDAY]
    equal(await on.run('admin', 'reconcile'), 0)
    match(on.out, /^2026-11-22 pruned main .* drift=90\/9000\/3600\/1800 /)
    match(on.out, /^not judged, for calls were deleted of which nothing was kept: 2026-11-22$/m)
    match(on.out, /^drift: 0 % /m)
  })

  test('tells what was not compared, and why', async () => {
    const on = await world({}, { overMidnight: 2, usd: undefined })
    await on.run('admin', 'add-upstream-key', 'second', 'sk-y')
    await on.run('admin', 'add-upstream-key', 'third', 'sk-z', '--project', 'proj_of_others')
    on.booked = [...on.booked, { ...BOOKED, apiKeyId: 'key_of_others', requests: 9 }]
    on.bill = [...on.bill, { ...BILLED, lineItem: 'web search tool calls', cost: 30_000_000_000n }]
    equal(await on.run('admin', 'reconcile'), 0)
    for (const note of [
      '2 calls ran over midnight (UTC): OpenAI may have them on the other day',
      'without a known price, so not compared in money: gpt-5.5',
      'billed to these keys beside the models that are compared: $0.03',
      'other keys of the organization: 9 requests, not compared',
      'not compared: second: its project is not known: give --api-key-id or --project',
      'not compared: third: no admin key reads the books of its organization',
    ]) {
      ok(on.out.includes(`\n${note}\n`), note)
    }
  })

  test('compares an organization of very many keys', async () => {
    const on = await world()
    const others = Array.from({ length: 300_000 }, (_, i) => i)
    on.booked = on.booked.concat(others.map((i) => ({ ...BOOKED, apiKeyId: `key_${i + 2}`, requests: 1 })))
    on.bill = on.bill.concat(others.map((i) => ({ ...BILLED, apiKeyId: `key_${i + 2}`, cost: 1n })))
    equal(await on.run('admin', 'reconcile'), 0, on.err)
    match(on.out, /^other keys of the organization: 300000 requests, not compared$/m)
  })

  test('finds keys by what OpenAI shows of them, else by their project', async () => {
    const on = await world({ apiKeyId: 'key_2' })
    on.bill = [{ ...BILLED, apiKeyId: 'key_2', cost: 112_000_000_000n }]
    await on.run('admin', 'set-upstream-key', 'main', '--api-key-id', '')
    equal(await on.run('admin', 'reconcile'), 0)
    await on.run('admin', 'reconcile', '--json')
    const keys = (): unknown => (JSON.parse(on.out) as { keys: unknown }).keys
    deepEqual(keys(), [{ name: 'main', api_key_id: null, project: 'proj_1' }])
    on.bookedKeys = {
      projects: ['proj_1'],
      found: new Map([[1 as UpstreamId, { apiKeyId: 'key_2', project: 'proj_1' }]]),
    }
    equal(await on.run('admin', 'reconcile', '--json'), 0)
    deepEqual(keys(), [{ name: 'main', api_key_id: 'key_2', project: null }])
  })

  test('does not say that all is right where nothing was compared, and names the organization that refuses', async () => {
    const on = new FakeWorld()
    await on.run('admin', 'set-admin-key', 'sk-admin', '--organization', 'ours')
    equal(await on.run('admin', 'reconcile'), 2)
    match(on.err, /^error: there is nothing to compare: no upstream key was added$/m)
    await on.run('admin', 'add-upstream-key', 'main', 'sk-x')
    equal(await on.run('admin', 'reconcile'), 2)
    match(on.err, /: there is nothing to compare: main: its project is not known: give --api-key-id or --project$/m)
    await on.run('admin', 'set-upstream-key', 'main', '--project', 'proj_1')
    equal(await on.run('admin', 'reconcile'), 2)
    match(on.err, /: main: no admin key reads the books of its organization$/m)
    equal(on.out, '')
    Object.defineProperty(on, 'bookedKeys', {
      get: () => {
        throw new BooksUnavailable('OpenAI answers 401')
      },
    })
    equal(await on.run('admin', 'reconcile'), 1)
    match(on.err, /^error: books of ours: OpenAI answers 401$/m)
  })

  test('refuses what cannot be compared', async () => {
    const on = await world()
    for (const [flags, message] of [
      [['--from', '2026-13-01'], /--from "2026-13-01": must be a date/],
      [['--from', '2026-11-20', '--to', '2026-11-19'], /the last day \(--to, else yesterday\) must not be before/],
      [['--from', '2026-11-23'], /the last day/],
      [['--from', '2026-11-24', '--to', '2026-11-25'], /must be a day that has begun/],
      [['--from', '2020-01-01'], /at most 366 days/],
      [['--threshold', '101'], /--threshold "101": must be a number of percent/],
    ] as const) {
      equal(await on.run('admin', 'reconcile', ...flags), 2)
      match(on.err, message)
    }
    await on.run('admin', 'disable-admin-key')
    equal(await on.run('admin', 'reconcile'), 2)
    match(on.err, /there is no enabled OpenAI admin key: give one with set-admin-key/)
  })
})
