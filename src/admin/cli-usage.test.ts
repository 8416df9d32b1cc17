import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { UsageSum } from '../ports.ts'
import { FakeWorld, NOW, USAGE } from '../../test/support/admin-world.ts'

const SUM: UsageSum = {
  member: 'alice',
  key: undefined,
  model: '=gpt"\n5',
  upstream: undefined,
  kind: undefined,
  at: Date.parse('2026-11-22T05:00:00Z'),
  requests: 3000,
  messages: 2,
  inexact: 1,
  inputTokens: 120_000,
  cachedInputTokens: 100_000,
  cacheWriteTokens: 50,
  outputTokens: 2_000,
  reasoningTokens: 20,
  credits: 1_230_000_001n,
  usd: 49_200_001n,
  unpriced: 1,
}

const hour = (text: string): number => Date.parse(`${text}:00:00Z`)

suite('admin usage', () => {
  test('takes dates, instants at the full hour and lengths of time back', async () => {
    const world = new FakeWorld()
    for (const [args, from, to] of [
      ['--since 2026-11-01', '2026-11-01T00', '2026-11-24T00'],
      ['--since 2026-10-01 --until 2026-11-01', '2026-10-01T00', '2026-11-01T00'],
      ['--since 2026-11-23T08:00Z --until 2026-11-23T12:00+02:00', '2026-11-23T08', '2026-11-23T10'],
      ['--since 2d --until 90m', '2026-11-21T10', '2026-11-23T08'],
      ['--since 2026-12-24', '2026-12-24T00', '2026-12-25T00'],
      ['--until 2026-11-23T01:00Z', '2026-11-23T00', '2026-11-23T01'],
    ] as const) {
      equal(await world.run('admin', 'usage', ...args.split(' ')), 0, world.err)
      deepEqual(world.usageAsked, [hour(from), hour(to)], args)
      equal(world.out, 'no usage recorded in that time\n')
    }
    equal(NOW, hour('2026-11-23T10'))
  })

  test('says what is wrong with a time, a word or a form, and asks for nothing', async () => {
    const world = new FakeWorld()
    for (const [args, message] of [
      [
        '--since 2026-02-30',
        /--since "2026-02-30": must be a date such as 2026-11-01, an instant .* or a length of time/,
      ],
      ['--since 99999w', /--since "99999w": must be/],
      ['--until 2026-11-23T10:30:00Z', /--until "2026-11-23T10:30:00Z": sums are kept by the hour/],
      [
        '--since 2026-11-02 --until 2026-11-02',
        /--since 2026-11-02 is not before --until 2026-11-02: nothing lies between/,
      ],
      ['--until 2026-11-01', /today is not before --until 2026-11-01/],
      ['--by member,week', /--by "member,week": must be one or more of member, key, model, upstream, kind, day, hour,/],
      ['--format xml', /--format "xml": must be one of table, csv, json/],
      ['--format csv --json', /--format csv: does not go with --json/],
    ] as const) {
      equal(await world.run('admin', 'usage', ...args.split(' ')), 2, args)
      match(world.err, message)
      match(world.err, /^error: [^\n]*\n$/)
      deepEqual([world.usageAsked, world.usageQuery, world.loaded], [[], undefined, []], args)
    }
  })

  test('sums by what is asked for, in that order', async () => {
    const world = new FakeWorld()
    world.usageSums = [SUM]
    const run = async (...more: readonly string[]): Promise<string> => {
      equal(await world.run('admin', 'usage', '--since', '2026-11-20', '--by', 'day,model,upstream', ...more), 0)
      return world.out
    }
    equal(
      await run(),
      String.raw`day=2026-11-22 model==gpt"\u{a}5 credits=1.230000001 usd=0.049200001 requests=3000 messages=2 inexact=1 input_tokens=120000 ` +
        'cached_input_tokens=100000 cache_write_tokens=50 output_tokens=2000 reasoning_tokens=20 unpriced=1\n',
    )
    deepEqual(world.usageQuery, {
      from: hour('2026-11-20T00'),
      to: hour('2026-11-24T00'),
      by: ['day', 'model', 'upstream'],
    })
    equal(
      await run('--format', 'csv'),
      'day,model,upstream,credits,usd,requests,messages,inexact,input_tokens,cached_input_tokens,cache_write_tokens,' +
        'output_tokens,reasoning_tokens,unpriced\n' +
        String.raw`2026-11-22,"'=gpt""\u{a}5",,1.230000001,0.049200001,3000,2,1,120000,100000,50,2000,20,1` +
        '\n',
    )
    match(
      await run('--format', 'table'),
      /^DAY +MODEL +UPSTREAM +CREDITS +USD +REQUESTS .*\n2026-11-22 .* ≥0.049200001 .* 3,000 .*\n$/,
    )
    const json = await run('--json')
    equal(await run('--format', 'json'), json)
    deepEqual(JSON.parse(json), [
      {
        day: '2026-11-22',
        model: '=gpt"\n5',
        upstream: null,
        credits: 1.230000001,
        usd: 0.049200001,
        requests: 3000,
        messages: 2,
        inexact: 1,
        input_tokens: 120_000,
        cached_input_tokens: 100_000,
        cache_write_tokens: 50,
        output_tokens: 2000,
        reasoning_tokens: 20,
        unpriced: 1,
      },
    ])
    await world.run('admin', 'usage', '--by', 'hour')
    match(world.out, /^hour=2026-11-22T05:00:00.000Z credits=/)
  })

  test('shows dollars with a sign where some calls have no price, and none where no call has one', async () => {
    const world = new FakeWorld()
    for (const [usd, unpriced, cell] of [
      [49_200_001n, 0, '0.049200001'],
      [0n, 0, '0'],
      [49_200_001n, 2, '≥0.049200001'],
      [0n, 3, '-'],
    ] as const) {
      world.usage = [{ ...USAGE, usd, unpriced }]
      world.usageSums = [{ ...SUM, usd, unpriced }]
      for (const by of [[], ['--by', 'hour']]) {
        equal(await world.run('admin', 'usage', '--format', 'table', ...by), 0, world.err)
        const [head = '', row = ''] = world.out.split('\n').map((line) => line.split(/ +/))
        equal(row[head.indexOf('USD')], cell)
      }
      await world.run('admin', 'usage', '--json')
      match(world.out, new RegExp(`"usd": ${usd === 0n ? '0' : '0.049200001'},\\s+"unpriced": ${unpriced}\\s`))
    }
  })

  test('is had as CSV in the form without groups too', async () => {
    const world = new FakeWorld()
    world.usage = [USAGE]
    equal(await world.run('admin', 'usage', '--format', 'csv'), 0)
    match(
      world.out,
      /^member,credits,input_tokens,.*,ws_connections,usd,unpriced\nalice,1.230000001,120000,100000,2000,122000,3,2,0,0.049200001,0\n$/,
    )
  })
})
