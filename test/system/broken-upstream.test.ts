import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Fault } from '../../src/simulator/simulator.ts'
import { connected, head } from '../support/raw.ts'
import { attemptsOfLast } from '../support/ledger-file.ts'
import { startStand, type Stand, type StandOptions } from '../support/stand.ts'
import { expectTruth } from '../support/truth.ts'
import { ask, eventsIn, turn } from '../support/wire.ts'

const TOML = '[upstream]\nmax_failures_before_cooldown = 1000\n'

const BOTH = [{ name: 'alpha' }, { name: 'beta' }]
/** Before it has begun to answer, another key would be tried. */
const ALONE = [{ name: 'alpha' }]
/** Events that say no more than that the request was taken. */
const TAKEN = 2

/** Two keys, so that a second try would have somewhere to go; and a member with one place, so that none may be kept. */
async function stand(upstreams: StandOptions['upstreams'] = BOTH, toml = ''): Promise<Stand> {
  return await startStand({
    simulator: { text: 'Hello from here.', tokens: 'bytes' },
    upstreams: upstreams ?? [],
    member: { maxConcurrent: 1 },
    toml: TOML + toml,
  })
}

interface Expected {
  readonly whole: boolean
  readonly ending: string
  readonly precision: string
  readonly errorClass?: string | undefined
}

/** One call that meets the fault: one try, one row, and the client sees what upstream did. */
async function expectOne(on: Stand, fault: Fault, expected: Expected): Promise<string> {
  on.simulator.script(fault)
  const rowsBefore = (await on.settled()).length
  const before = on.simulator.truth().length
  const answered = await ask(on.url, turn(on.key))
  const note = JSON.stringify(fault)
  equal(answered.status, 200, note)
  equal(answered.whole, expected.whole, `${note}: looks ${answered.whole ? 'complete' : 'cut'}`)
  const rows = await on.settled()
  equal(rows.length, rowsBefore + 1, note)
  equal(on.simulator.truth().length, before + 1, `${note}: a second try after the head`)
  const { ending, precision, attempts } = rows[0] ?? {}
  const { errorClass, whole: _, ...rest } = expected
  deepEqual({ ending, precision, attempts }, { ...rest, attempts: 1 }, note)
  deepEqual(
    (await attemptsOfLast(on.folder)).map(([, word]) => word),
    [errorClass],
    note,
  )
  return answered.text
}

const WHOLE = { whole: false, ending: 'complete', errorClass: undefined, precision: 'exact' } as const
const BROKE = { whole: false, ending: 'upstream-broke', errorClass: 'broken_stream' } as const

suite('an upstream that breaks', { concurrency: 4 }, () => {
  test('at any event breaks the client’s stream there, and is settled once', async () => {
    await using alone = await stand(ALONE)
    await using both = await stand()
    const total = eventsIn((await ask(both.url, turn(both.key))).text).length
    for (let sent = 0; sent <= total; sent++) {
      const on = sent > TAKEN ? both : alone
      // With its last event an answer is whole, and settled before the client sees it.
      const settled = sent === total ? WHOLE : { ...BROKE, precision: 'estimated' as const }
      const text = await expectOne(on, { reset: { afterEvents: sent } }, settled)
      equal(eventsIn(text).length, sent, 'everything that came before went through')
    }
    for (const on of [alone, both]) expectTruth(await on.settled(), on.simulator.truth())
  })

  test('at any byte breaks the client’s stream there', async () => {
    await using alone = await stand(ALONE)
    await using both = await stand()
    const { text: all, body } = await ask(both.url, turn(both.key))
    const [whole, begins] = [body.length, all.indexOf('event: response.output_item.added\n')]
    for (const at of [0, 1, 2, 7, 100, begins, begins + 40, Math.floor(whole / 2), whole - 100]) {
      const on = at > begins ? both : alone
      const text = await expectOne(on, { reset: { afterBytes: at } }, { ...BROKE, precision: 'estimated' })
      equal(text.length, at)
    }
  })

  test('breaks the stream of an HTTP/1.0 client by a reset: a clean end would be the end of its answer', async () => {
    await using on = await stand()
    const { headers = [], body = '' } = turn(on.key)
    const lines = headers.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${headers[i + 1]}`] : []))
    const request = head('POST /v1/responses', ...lines, `content-length: ${body.length}`).replace('1.1', '1.0')
    for (const [fault, ended, ending] of [
      [{}, undefined, 'complete'],
      [{ reset: { afterEvents: 4 } }, 'ECONNRESET', 'upstream-broke'],
    ] as const) {
      on.simulator.script(fault)
      using raw = await connected(on.url)
      raw.write(request, body)
      await raw.closed
      equal((raw.socket.errored as NodeJS.ErrnoException | null)?.code, ended, ending)
      equal(raw.text().includes('response.completed'), ending === 'complete')
      equal((await on.settled())[0]?.ending, ending)
    }
  })

  test('that ends in good order without a terminal event passes as it is, and is settled as broken', async () => {
    await using alone = await stand(ALONE)
    await using both = await stand()
    for (const endAfterEvents of [0, 1, 5]) {
      const on = endAfterEvents > TAKEN ? both : alone
      const expected = { ...BROKE, whole: true, precision: 'estimated' }
      const text = await expectOne(on, { endAfterEvents }, expected)
      equal(eventsIn(text).length, endAfterEvents)
    }
  })

  test('that stalls is cut after the idle limit', async () => {
    await using on = await stand(BOTH, 'idle_timeout_secs = 1\n')
    const expected = { whole: false, ending: 'timed-out', precision: 'estimated', errorClass: 'broken_stream' }
    await expectOne(on, { stall: { afterEvents: 4 } }, expected)
  })

  test('that talks garbage is passed on byte for byte, and metered all the same', async () => {
    await using on = await stand()
    const garbage = 'data: {"type":"response.completed","response":{"id":"no","usage":\n\n: \u0000\n\nid 7\n\n'
    const text = await expectOne(
      on,
      { garbage: { afterEvents: 4, text: garbage } },
      {
        whole: true,
        ending: 'complete',
        precision: 'exact',
      },
    )
    ok(text.includes(garbage))
    await expectOne(on, { garbage: { afterEvents: 2 } }, { whole: true, ending: 'complete', precision: 'exact' })
    expectTruth(await on.settled(), on.simulator.truth())
  })

  test('fails for its key’s limits after it has begun is cut, costs nothing, and speaks against the key', async () => {
    await using on = await startStand({
      simulator: { tokens: 'bytes' },
      upstreams: [{ name: 'alpha' }, { name: 'beta' }],
    })
    const message = 'Rate limit reached. Please try again in 20s.'
    const ending = { type: 'response.failed', code: 'rate_limit_exceeded', message, afterEvents: 3 } as const
    on.simulator.script({ eventDelayMs: 20, ending })
    const failed = await ask(on.url, turn(on.key))
    ok(!failed.whole && failed.text.includes('response.output_item.added'))
    ok(!failed.text.includes('response.failed') && !failed.text.includes(message), failed.text)
    const [row] = await on.settled()
    deepEqual([row?.ending, row?.precision, row?.credits], ['complete', 'exact', 0n])
    deepEqual(await attemptsOfLast(on.folder), [['alpha', 'rate_limit']])
    for (let i = 0; i < 4; i++) await ask(on.url, turn(on.key))
    deepEqual(
      new Set(
        on.simulator
          .truth()
          .slice(1)
          .map(({ key }) => key),
      ),
      new Set(['beta']),
    )
  })

  for (const [how, fault] of [
    ['several times in a row', { reset: { afterEvents: 2 } }],
    ['by ending too early, in good order, several times in a row', { endAfterEvents: 1 }],
  ] as const) {
    test(`${how} cools its key`, () => coolsItsKey(fault))
  }
})

async function coolsItsKey(fault: Fault): Promise<void> {
  await using on = await startStand({
    simulator: { tokens: 'bytes' },
    upstreams: [{ name: 'alpha' }, { name: 'beta' }],
    toml: '[upstream]\nmax_failures_before_cooldown = 2\n',
  })
  on.simulator.script({ ...fault, key: 'alpha', times: null })
  for (let i = 0; i < 6; i++) await ask(on.url, turn(on.key))
  await on.settled()
  const before = on.simulator.truth().length
  for (let i = 0; i < 4; i++) match((await ask(on.url, turn(on.key))).text, /response\.completed/)
  deepEqual(
    new Set(
      on.simulator
        .truth()
        .slice(before)
        .map(({ key }) => key),
    ),
    new Set(['beta']),
  )
}
