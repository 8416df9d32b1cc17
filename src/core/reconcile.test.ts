import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { accountsOf } from './accounts.ts'
import { driftOf } from './drift.ts'
import {
  besides,
  compare,
  DAY_MS,
  foreign,
  NOTHING,
  stateOf,
  type Account,
  type BookedCost,
  type BookedUsage,
  type Comparison,
  type LedgerSums,
  type Tally,
} from './reconcile.ts'
import type { UpstreamId } from './units.ts'

const DAY = 20_000 * DAY_MS
const MAIN = 1 as UpstreamId
const ACCOUNTS: readonly Account[] = [
  { name: 'main', upstreams: [MAIN], by: { apiKeyId: 'key_main' } },
  { name: 'b+c', upstreams: [2 as UpstreamId, 3 as UpstreamId], by: { project: 'proj_1' } },
]
const TALLY: Tally = { requests: 10, input: 1000, cached: 400, output: 200 }

function booked(over: Partial<BookedUsage> = {}): BookedUsage {
  return { day: DAY, project: 'proj_1', apiKeyId: 'key_main', model: 'gpt-5.5-2026-04-23', ...TALLY, ...over }
}

function sums(over: Partial<LedgerSums> = {}): LedgerSums {
  const rest = { unproven: NOTHING, failed: 0, overMidnight: 0, usd: { proven: 0n, unproven: 0n } }
  return { day: DAY, upstream: MAIN, model: 'gpt-5.5', proven: TALLY, ...rest, ...over }
}

function compared(books: readonly BookedUsage[], ledger: readonly LedgerSums[]): readonly Comparison[] {
  return compare(ACCOUNTS, { books, bill: [], ledger }, () => 'final')
}

function line(lineItem: string, cost: bigint, apiKeyId = 'key_main'): BookedCost {
  return { day: DAY, project: 'proj_1', apiKeyId, lineItem, cost }
}

suite('comparing the ledger with the books', () => {
  test('finds no drift where both say the same, by whatever name of the model', () => {
    const [one, ...more] = compared([booked()], [sums({ model: 'gpt-5.5-2026-04-23' })])
    deepEqual(more, [])
    deepEqual([one?.account, one?.model, one?.drift, one?.unexplained], ['main', 'gpt-5.5', NOTHING, NOTHING])
    equal(driftOf(compared([booked()], [sums()])).percent, 0)
  })

  test('gives a key its own, its project the rest, and nobody what is of neither', () => {
    const books = [booked(), booked({ apiKeyId: 'key_2' }), booked({ apiKeyId: 'key_3', requests: 1 })]
    const strange = booked({ project: 'proj_2', apiKeyId: 'key_x', input: 7 })
    const rows = compared([...books, strange], [sums(), sums({ upstream: 2 as UpstreamId })])
    deepEqual(
      rows.map((row) => [row.account, row.booked.requests, row.drift.requests]),
      [
        ['b+c', 11, 1],
        ['main', 10, 0],
      ],
    )
    deepEqual(foreign(ACCOUNTS, [...books, strange]), { ...TALLY, input: 7 })
  })

  test('explains a drift by calls that cannot be proven, as long as they can be the cause', () => {
    const estimate: Tally = { requests: 2, input: 90, cached: 0, output: 25 }
    const more = { requests: 12, input: 1100, cached: 440, output: 220 }
    const drift: Tally = { requests: 0, input: 10, cached: 40, output: -5 }
    const [explained] = compared([booked(more)], [sums({ unproven: estimate })])
    deepEqual([explained?.drift, explained?.unexplained], [drift, NOTHING])
    // One of the two tries that failed ran all the same.
    const [failed] = compared([booked({ requests: 11, output: 201 })], [sums({ failed: 2 })])
    deepEqual([failed?.drift.output, failed?.unexplained], [1, NOTHING])
  })

  const impossible: readonly [string, Partial<Tally>, Partial<LedgerSums>][] = [
    ['more requests than calls', { requests: 12 }, { unproven: { ...NOTHING, requests: 1 } }],
    ['tokens without a request', { output: 201 }, { failed: 1 }],
    ['fewer requests than were proven', { requests: 9 }, { failed: 1 }],
    ['fewer tokens than were proven', { requests: 11, cached: 399 }, { failed: 1 }],
    ['no call at all', { requests: 11, output: 201 }, {}],
  ]
  for (const [what, books, ledger] of impossible) {
    test(`does not explain ${what}`, () => {
      const [row] = compared([booked(books)], [sums(ledger)])
      deepEqual(row?.unexplained, row?.drift)
      equal(row?.drift === undefined || Object.values(row.drift).every((value) => value === 0), false)
    })
  }

  test('shows what only one side has', () => {
    const rows = compared([booked({ model: 'gpt-5.4' })], [sums()])
    deepEqual(
      rows.map((row) => [row.model, row.booked.input, row.proven.input, row.drift.input]),
      [
        ['gpt-5.4', 1000, 0, 1000],
        ['gpt-5.5', 0, 1000, -1000],
      ],
    )
    equal(driftOf(rows).percent, 200)
  })

  test('lets two errors not make it right, and takes the worst of the measures', () => {
    const books = [booked({ output: 210 }), booked({ model: 'gpt-5.4', output: 190 })]
    const drift = driftOf(compared(books, [sums(), sums({ model: 'gpt-5.4' })]))
    deepEqual([drift.drift.output, drift.percent], [20, 5])
  })

  test('compares the bill with what the ledger makes of it, where it knows the price', () => {
    const bill = [
      line('gpt-5.5-2026-04-23, input', 60_000n),
      line('priority | gpt-5.5-2026-04-23, output', 50_000n),
      line('gpt-5.4, output', 7_000n),
      line('web search tool calls', 900n),
      line('web search tool calls', 1n, 'key_2'),
    ]
    const ledger = [
      sums({ usd: { proven: 90n, unproven: 10n } }),
      sums({ model: 'gpt-5.4', proven: NOTHING, usd: undefined }),
    ]
    const reckoning = { books: [booked()], bill, ledger }
    const rows = compare(ACCOUNTS, reckoning, () => 'final')
    deepEqual(
      rows.map((row) => [row.model, row.billed, row.priced]),
      [
        ['gpt-5.4', 7_000n, undefined],
        ['gpt-5.5', 110_000n, 100_000n],
      ],
    )
    const drift = driftOf(rows)
    deepEqual([drift.billed, drift.priced, drift.money], [110_000n, 100_000n, 10_000n])
    equal(drift.percent.toFixed(2), '9.09')
    equal(besides(ACCOUNTS, reckoning), 901n)
  })

  test('counts as no drift what is billed for models of other books, such as transcriptions', () => {
    const bill = [
      line('gpt-5.5-2026-04-23, input', 100_000n),
      line('gpt-4o-mini-transcribe audio, input', 10_000n),
      line('gpt-4o-mini-transcribe, output', 5_000n),
      line('gpt-4o-mini-transcribe audio, input', 300n, 'key_2'),
      line('text-embedding-3-small, input', 1_000_000n, 'key_3'),
    ]
    const reckoning = { books: [booked()], bill, ledger: [sums({ usd: { proven: 100n, unproven: 0n } })] }
    const rows = compare(ACCOUNTS, reckoning, () => 'final')
    deepEqual(
      rows.map((row) => [row.account, row.model, row.billed]),
      [['main', 'gpt-5.5', 100_000n]],
    )
    equal(driftOf(rows).percent, 0)
    equal(besides(ACCOUNTS, reckoning), 1_015_300n)
  })

  test('shows what is billed for a model that either side has on any day or key', () => {
    const bill = [line('gpt-5.5, input', 7n), line('gpt-5.4, input', 9n, 'key_2')]
    const [earlier, other] = [{ day: DAY - DAY_MS }, { apiKeyId: 'key_x', project: 'proj_x', model: 'gpt-5.4' }]
    const reckoning = { books: [booked(other)], bill, ledger: [sums(earlier)] }
    deepEqual(
      compare(ACCOUNTS, reckoning, () => 'final').map((row) => [row.day - DAY, row.model, row.billed]),
      [
        [-DAY_MS, 'gpt-5.5', 0n],
        [0, 'gpt-5.4', 9n],
        [0, 'gpt-5.5', 7n],
      ],
    )
    equal(besides(ACCOUNTS, reckoning), 0n)
  })

  test('knows a model by every name that the rate card has for it', () => {
    const bill = [line('gpt-5.6-sol, input', 100_000n)]
    const usd = { proven: 40n, unproven: 0n }
    const half = { requests: 5, input: 500, cached: 200, output: 100 }
    const ledger = [
      sums({ model: 'gpt-5.6', proven: half, usd }),
      sums({ model: 'gpt-daybreak-blue-latest-2026-09-01', proven: half, usd: { proven: 60n, unproven: 0n } }),
    ]
    for (const model of ['gpt-5.6-sol', 'gpt-5.6', 'gpt-5.6-sol-2026-07-09']) {
      const rows = compare(ACCOUNTS, { books: [booked({ model })], bill, ledger }, () => 'final')
      deepEqual(
        rows.map((row) => [row.model, row.drift, row.billed, row.priced]),
        [['gpt-5.6-sol', NOTHING, 100_000n, 100_000n]],
      )
      equal(driftOf(rows).percent, 0)
    }
  })

  test('holds against nobody what is booked on a day that is not closed', () => {
    const rows = compare(ACCOUNTS, { books: [booked({ output: 0 })], bill: [], ledger: [sums()] }, () => 'settling')
    equal(rows[0]?.drift.output, -200)
    equal(driftOf(rows).percent, 0)
    deepEqual(
      [DAY + DAY_MS - 1, DAY + DAY_MS, DAY + DAY_MS + 9, DAY + DAY_MS + 10].map((now) => stateOf(DAY, now, 10)),
      ['open', 'settling', 'settling', 'final'],
    )
  })
})

suite('the accounts of upstream keys', () => {
  test('are one for each known key, one for the rest of a project, and none for the others', () => {
    const key = (id: number, apiKeyId: string | undefined, project: string | undefined) => {
      return { id: id as UpstreamId, name: `k${id}`, apiKeyId, project }
    }
    const keys = [
      key(1, 'key_1', 'proj_1'),
      key(2, undefined, 'proj_1'),
      key(3, undefined, undefined),
      key(4, undefined, 'proj_1'),
      key(5, 'key_1', undefined),
    ]
    const { accounts, lost } = accountsOf(keys)
    deepEqual(accounts, [
      { name: 'k1+k5', upstreams: [1, 5], by: { apiKeyId: 'key_1' } },
      { name: 'k2+k4', upstreams: [2, 4], by: { project: 'proj_1' } },
    ])
    deepEqual(
      lost.map(({ name }) => name),
      ['k3'],
    )
  })
})
