import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { CALL, FakeWorld, NOW } from '../../test/support/admin-world.ts'
import { messageRowOfConfigured, rowOfConfigured } from '../core/set-rate.ts'
import type { CallId } from '../core/units.ts'
import { NO_USAGE, SILENCE } from '../core/usage.ts'
import type { BookedCall } from '../ports.ts'

type Row = Readonly<Record<string, unknown>>

const PRICES = '--input 50 --cached 2.5 --output 250'

async function json(world: FakeWorld, line: string): Promise<Row & readonly Row[]> {
  equal(await world.run(...`${line} --json`.split(' ')), 0, world.err)
  return JSON.parse(world.out) as Row & readonly Row[]
}

async function run(world: FakeWorld, line: string): Promise<number> {
  return await world.run(...line.split(' '))
}

function booked(seq: number, over: Partial<BookedCall> = {}): BookedCall {
  const facts = {
    model: 'gpt-new',
    serviceTier: undefined,
    precision: 'exact',
    charging: 'tokens',
    message: true,
    rate: 'fallback',
  } as const
  const usage = { ...NO_USAGE, inputTokens: 1000, outputTokens: 100 }
  const at = { startedAt: NOW - 1000, endedAt: NOW - 500 }
  const id = `call-${seq}` as CallId
  return { ...facts, ...at, id, seq, member: 'alice', usage, credits: 78_750_000n, ...over }
}

suite('admin rates', () => {
  test('lists what counts now, and shows all of a model', async () => {
    const world = new FakeWorld()
    const all = await json(world, 'admin rates list')
    const own = all.filter(({ model }) => model === 'gpt-5.6-sol')
    deepEqual(own, await json(world, 'admin rates list --model gpt-daybreak-blue-latest'))
    deepEqual([own[0]?.['from'], own[0]?.['input'], own[0]?.['cache_write']], ['2026-08-21', 100, null])
    const sheet = await json(world, 'admin rates show gpt-5.6-sol-2026-07-09')
    equal(sheet['model'], 'gpt-5.6-sol')
    deepEqual(
      (sheet['credits'] as Row[]).map((row) => [row['from'], row['to'], row['in_force']]),
      [
        ['2026-07-09', '2026-08-20', false],
        ['2026-08-21', null, true],
      ],
    )
    deepEqual(
      (sheet['usd'] as Row[]).map((row) => [row['input'], row['cache_write'], row['long_context'], row['in_force']]),
      [
        [5, 6.25, true, false],
        [4, 5, true, true],
      ],
    )
    deepEqual(
      (sheet['names'] as Row[]).map(({ name }) => name),
      ['gpt-5.6', 'gpt-daybreak-blue-latest'],
    )
    deepEqual(
      (sheet['tiers'] as Row[]).find(({ tier }) => tier === 'flex'),
      { tier: 'flex', credits: 0.5, usd: 0.5 },
    )
    await run(world, 'admin rates show gpt-daybreak-red-latest')
    match(world.out, /^gpt-daybreak-red-latest is priced as gpt-5\.6-cyber\ncredits gpt-5\.6-cyber: input=312\.5 /)
  })

  test('shows the factors of the very name that was asked for', async () => {
    const world = new FakeWorld()
    world.card = { modelTiers: { 'gpt-5.6': { flex: 7n, turbo: 30n }, 'gpt-5.6-sol': { flex: 6n } } }
    const factors = async (model: string): Promise<unknown> =>
      ((await json(world, `admin rates show ${model}`))['tiers'] as Row[])
        .filter(({ tier }) => tier === 'flex' || tier === 'turbo')
        .map(({ tier, credits }) => [tier, credits])
    deepEqual(await factors('gpt-5.6'), [
      ['flex', 0.7],
      ['turbo', 3],
    ])
    deepEqual(await factors('gpt-5.6-sol'), [['flex', 0.6]])
  })

  test('says of a model without a row that the fallback prices it', async () => {
    const world = new FakeWorld()
    equal(await run(world, 'admin rates list --model gpt-new'), 2)
    match(world.err, /no rate of "gpt-new" counts now: its calls are priced by the fallback/)
    const sheet = await json(world, 'admin rates show gpt-new')
    deepEqual([sheet['model'], sheet['fallback'], sheet['credits']], [null, true, []])
  })

  test('sets a rate, which wins over the configuration, and takes it back', async () => {
    const world = new FakeWorld()
    const prices = { input: 1000n, cached: 1000n, output: 1000n, cacheWrite: undefined }
    world.card = { rates: [rowOfConfigured('gpt-new@2026-11-01', prices)] }
    const inputs = async (): Promise<unknown> => (await json(world, 'admin rates list --model gpt-new'))[0]?.['input']
    equal(await inputs(), 1)
    equal(await run(world, `admin rates set gpt-new ${PRICES} --cache-write 62.5 --from 2026-11-02`), 0)
    equal(world.out, 'rate set: gpt-new: input=50 cached=2.5 output=250 cache_write=62.5 from=2026-11-02\n')
    equal(world.rateBook.list[0]?.who, 'root')
    equal(await inputs(), 50)
    await run(world, `admin rates set gpt-new ${PRICES} --from 2027-01-01`) // Counts later.
    equal(await inputs(), 50)
    equal(await run(world, 'admin rates unset gpt-new --from 2026-11-02'), 0)
    equal(await inputs(), 1)
    equal(await run(world, 'admin rates unset gpt-new'), 2)
  })

  test('sets what a message costs, beside the rate of tokens, and takes it back', async () => {
    const world = new FakeWorld()
    world.card = { messages: [messageRowOfConfigured('gpt-new', 2n)] }
    const shown = async (): Promise<unknown> => {
      const sheet = await json(world, 'admin rates show gpt-new')
      return [sheet['message_credits'], sheet['message_rate']]
    }
    deepEqual(await shown(), [0.000000002, 'gpt-new@message/config'])
    await run(world, `admin rates set gpt-new ${PRICES}`)
    equal(await run(world, 'admin rates set gpt-new --message 3.5'), 0)
    equal(world.out, 'rate set: gpt-new: message=3.5 from=always\n')
    deepEqual(await shown(), [3.5, 'gpt-new@message/admin-2'])
    await run(world, 'admin rates show gpt-new')
    match(world.out, /^message: credits=3\.5 rate=gpt-new@message\/admin-2$/m)
    deepEqual((await json(world, 'admin rates unset gpt-new --message'))['message_credits'], 3.5)
    deepEqual(await shown(), [0.000000002, 'gpt-new@message/config'])
    equal((await json(world, 'admin rates list --model gpt-new'))[0]?.['input'], 50)
    equal(await run(world, 'admin rates unset gpt-new --message'), 2)
  })

  test('of a snapshot leave its dollars as they are, and of a name in other capitals are told about', async () => {
    const world = new FakeWorld()
    const snapshot = 'gpt-5.5-2026-04-23'
    const usd = async () => ((await json(world, `admin rates show ${snapshot}`))['usd'] as Row[]).length
    const before = await usd()
    ok(before > 0)
    equal(await run(world, `admin rates set ${snapshot} ${PRICES}`), 0)
    equal(world.err, 'warning: careful\n')
    equal(await usd(), before)
    equal(await run(world, `admin rates set GPT-5.5 ${PRICES}`), 0)
    match(
      world.err,
      /warning: calls that ask for gpt-5\.5 are not priced by this: the name is written GPT-5\.5 here\n$/,
    )
  })

  test('sets what a minute of audio costs, with the rate of tokens or alone', async () => {
    const world = new FakeWorld()
    equal(await run(world, 'admin rates set gpt-hears --minute 0.425'), 0)
    equal(world.out, 'rate set: gpt-hears: input=0 cached=0 output=0 minute=0.425 from=always\n')
    const [own] = (await json(world, 'admin rates list --model gpt-hears')) as Iterable<{ input: number; spoken: Row }>
    deepEqual([own?.input, own?.spoken['minute']], [0, 0.425])
    await run(world, 'admin rates list --model gpt-hears')
    match(world.out, /^gpt-hears: input=0 cached=0 output=0 minute=0\.425 status=set /)
    const set = await json(world, `admin rates set gpt-hears ${PRICES} --minute 1.5`)
    deepEqual([set['input'], set['minute']], [50, 1.5])
    equal((await json(world, `admin rates set gpt-new ${PRICES}`))['minute'], null)
  })

  test('says what is wrong with a price or a date, and changes nothing', async () => {
    const world = new FakeWorld()
    const wrong: readonly [string, RegExp][] = [
      ['--input 50 --cached 2.5', /--output is missing: give credits per million tokens, such as/],
      ['--input 50 --cached 2.5 --output 1e3', /--output "1e3": must be credits per million tokens from 0 to 100000/],
      ['--input 0.0001 --cached 2.5 --output 1', /--input "0\.0001": must be .* with at most 3 decimals/],
      ['--input 100000.001 --cached 2.5 --output 1', /from 0 to 100000 /],
      [`${PRICES} --message 3`, /--message stands alone: set the prices of tokens by another command/],
      ['--message 1000000.1', /--message "1000000\.1": must be credits from 0 to 1000000 with at most 9 decimals/],
      ['--minute 50.000000001', /--minute "50\.000000001": must be credits from 0 to 50 with at most 9 decimals/],
      ['--minute 1 --input 50', /--cached is missing: give credits per million tokens/],
      ['--minute 1 --message 3', /--message stands alone/],
      [`${PRICES} --from 2026-02-30`, /--from "2026-02-30": must be a date such as/],
    ]
    for (const [options, right] of wrong) {
      equal(await run(world, `admin rates set gpt-new ${options}`), 2, options)
      match(world.err, right)
    }
    deepEqual(world.rateBook.list, [])
  })
})

suite('admin calls', () => {
  test('have their price in US dollars where tokens are stated and the price is known', async () => {
    const world = new FakeWorld()
    const tokens = { inputTokens: 1000, outputTokens: 100 }
    const spent = { ...CALL, model: 'gpt-6.1-sol', serviceTier: 'priority', ...tokens, endedAt: CALL.startedAt }
    world.calls = [spent, { ...spent, model: 'gpt-new' }, { ...spent, inputTokens: 0, outputTokens: 0 }]
    deepEqual(
      (await json(world, 'admin calls')).map(({ usd }) => usd),
      [0.006, null, null],
    )
  })
})

suite('admin rates reprice', () => {
  async function known(calls: BookedCall[]): Promise<FakeWorld> {
    const world = new FakeWorld()
    world.rateBook.calls = calls
    await run(world, `admin rates set gpt-new ${PRICES}`)
    return world
  }

  test('prints the difference per model and member, and changes nothing without --yes', async () => {
    const untold = booked(4, { usage: NO_USAGE, credits: 5_000_000_000n })
    const published = booked(5, { model: 'gpt-5.5', rate: 'gpt-5.5@2026-04-23', credits: 200_000_000n })
    const world = await known([booked(1), booked(2), booked(3, { member: 'bob' }), untold, published])
    equal(await run(world, 'admin rates reprice --from 2026-11-01'), 0)
    deepEqual(world.out.split('\n'), [
      'model=gpt-new member=alice calls=2 before=0.1575 after=0.15 difference=-0.0075',
      'model=gpt-new member=bob calls=1 before=0.07875 after=0.075 difference=-0.00375',
      'all: calls=3 before=0.23625 after=0.225 difference=-0.01125 kept=1',
      'nothing was changed: give --yes to write the new prices down',
      '',
    ])
    equal(world.rateBook.calls[0]?.credits, 78_750_000n)
  })

  test('writes the new prices with --yes, with who and why, once', async () => {
    const world = await known(Array.from({ length: 450 }, (_, at) => booked(at + 1)))
    equal(await world.run('admin', 'rates', 'reprice', '--from', '2026-11-01', '--yes', '--why', 'rate found'), 0)
    match(world.out, /^model=gpt-new member=alice calls=450 .*\n.*\ncalls adjusted: 450\n$/)
    ok(world.rateBook.calls.every(({ credits, rate }) => credits === 75_000_000n && rate === 'gpt-new@always/admin-1'))
    deepEqual(world.rateBook.reasons, Array(3).fill({ who: 'root', why: 'rate found' }))
    const again = await json(world, 'admin rates reprice --from 2026-11-01 --yes')
    deepEqual([again['differences'], again['adjusted']], [[], 0])
    equal(world.rateBook.reasons.length, 3)
  })

  test('says how many calls keep their price because they were deleted', async () => {
    const world = await known([booked(1)])
    world.pruned = { calls: 2, before: NOW }
    equal(await run(world, 'admin rates reprice --from 2026-11-01 --member alice --yes'), 0)
    match(
      world.err,
      /warning: 2 calls that started before 2026-11-23T10:00:00.000Z were deleted \(\[retention\]\): they keep their price\n$/,
    )
    deepEqual(world.prunedAsked, world.rateBook.spans.slice(0, 1))
    equal((await json(world, 'admin rates reprice --from 2026-11-01'))['pruned'], 2)
  })

  test('prices audio by its length once a minute has a price', async () => {
    const usage = { ...NO_USAGE, spoken: { ...SILENCE, audioMs: 60_000 } }
    const world = await known([booked(1, { usage, precision: 'unknown', credits: 0n })])
    world.card = { fallback: { input: 1n, cached: 1n, output: 1n } }
    await run(world, 'admin rates reprice --from 2026-11-01')
    match(world.out, / kept=1\nno call would have another price\n$/)
    await run(world, `admin rates set gpt-new ${PRICES} --minute 0.425`)
    await run(world, 'admin rates reprice --from 2026-11-01 --yes')
    deepEqual(
      world.rateBook.calls.map(({ credits, rate }) => [credits, rate]),
      [[425_000_000n, 'gpt-new@always/admin-2']],
    )
  })

  test('takes whole days, of one member where one is named', async () => {
    const world = await known([])
    await run(world, 'admin rates reprice --from 2026-11-01 --to 2026-11-02 --member alice')
    deepEqual(world.rateBook.spans, [{ from: Date.parse('2026-11-01'), to: Date.parse('2026-11-03'), member: 'alice' }])
    match(world.out, /no call would have another price/)
    equal(await run(world, 'admin rates reprice'), 2)
    equal(await run(world, 'admin rates reprice --from yesterday'), 2)
    match(world.err, /--from "yesterday": must be a date/)
    equal(await run(world, 'admin rates reprice --from 2026-11-03 --to 2026-11-02'), 2)
    match(world.err, /--from 2026-11-03 is after --to 2026-11-02: no day lies between/)
    equal(await run(world, 'admin rates reprice --from 2030-01-01 --yes'), 2)
    match(world.err, /--from 2030-01-01 is after today/)
    equal(world.rateBook.spans.length, 1)
  })
})
