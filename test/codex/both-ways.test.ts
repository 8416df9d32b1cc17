import { deepEqual, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Fault } from '../../src/simulator/simulator.ts'
import { bothWays, type BothWays, type Session } from '../support/both-ways.ts'
import { APOSTROPHE, WARMS_UP } from '../support/codex-version.ts'
import { ALPHA, ALPHA_OTHER, BETA } from '../support/codex-stand.ts'
import { until } from '../support/stand.ts'

const TOOLS = { agent: 'shell-and-edit' } as const
const RESUMED = [['Write the note.'], ['resume', '--last', 'Write it once more.']]
/** The turns of a conversation before the second one, with its warm-up. */
const FIRST_TURN = WARMS_UP ? 2 : 1

const LIMITED: Fault = {
  status: 429,
  body: { error: { type: 'requests', code: 'rate_limit_exceeded', message: 'Rate limit reached.' } },
  headers: { 'retry-after': '1' },
}
const BUSY: Fault = { status: 503, body: { error: { code: 'server_is_overloaded', message: 'Overloaded.' } } }
/** A limit of the account, as OpenAI tells it; with a word of whom to ask, as gateways add it. */
const SPENT = {
  error: { type: 'usage_limit_reached', message: 'x', resets_at: Math.ceil(Date.now() / 1000) + 5 * 3600 },
  headers: { 'x-codex-promo-message': 'Ask your gateway admin for more quota' },
}
const USED_UP: Fault = { status: 429, body: { error: SPENT.error } }
const WRONG_KEY: Fault = { status: 401, body: { error: { code: 'invalid_api_key', message: 'The key is no good.' } } }

/** From its second turn on a conversation with that key gets nothing but this, however it asks. */
function afterFirstTurn(fault: Fault, skip = 0): Fault[] {
  const always = { ...fault, times: null }
  return [
    { ...always, on: 'turn', skip: FIRST_TURN + skip },
    { ...always, on: 'handshake', skip: 1 },
    { ...always, on: 'request' },
  ]
}

/** Codex ended with the same code, gave the same answers and complained of the same things. */
function expectSame({ direct, through }: BothWays, code: number): void {
  deepEqual(through, direct)
  deepEqual(through.codes.at(-1), code)
}

/** Straight to OpenAI the user was told of trouble; through the gateway there was none. */
async function expectBetter(session: Session): Promise<BothWays> {
  const both = await bothWays(session)
  ok(both.direct.complaints.length > 0)
  deepEqual(both.through.complaints, [])
  deepEqual(both.through.codes, [0])
  match(both.through.answers.join(), /Hello from the simulator|I ran a command and edited note\.txt/)
  return both
}

suite('codex over WebSocket through the gateway, beside codex over WebSocket straight to OpenAI', () => {
  test('answers the same in a single turn', async () => {
    expectSame(await bothWays({}), 0)
  })

  test('does the same over several turns with tools, and when it is resumed', async () => {
    const both = await bothWays({ simulator: TOOLS, runs: RESUMED })
    expectSame(both, 0)
    deepEqual(both.through.complaints, [])
  })

  test('goes on over HTTP in the same way where upstream refuses WebSockets with 426', async () => {
    const refused: Fault = { on: 'handshake', times: null, status: 426, body: 'Upgrade Required' }
    const both = await bothWays({ simulator: TOOLS, faults: [refused], runs: RESUMED })
    expectSame(both, 0)
    ok(!/reconnecting|falling back/i.test(both.through.complaints.join()))
  })

  test('is told in the same words that its quota is spent, between two turns and at its next start', async () => {
    const gateway = { member: { fiveHourQuota: 1000n } }
    const { error, headers } = SPENT
    const frame = { json: { type: 'error', status: 429, error, headers } }
    const between: Fault = { on: 'turn', skip: FIRST_TURN, times: null, frame }
    expectSame(await bothWays({ simulator: TOOLS, gateway, directFaults: [between] }), 1)
    const start: Fault = { ...USED_UP, headers, on: 'handshake', skip: 1, times: null }
    expectSame(await bothWays({ gateway, directFaults: [start], runs: [['One.'], ['Two.']] }), 1)
  })

  test('is told in the same way that its key is disabled between two turns, and whom to ask', async () => {
    const { direct, through } = await bothWays({
      simulator: TOOLS,
      // The second turn takes long enough for the gateway to hear of it.
      faults: [{ on: 'turn', skip: FIRST_TURN, stall: { afterEvents: 4, ms: 2500 } }],
      directFaults: afterFirstTurn(WRONG_KEY),
      meanwhile: async ({ simulator, admin }) => {
        await until(() => (simulator.truth()[FIRST_TURN]?.eventsSent === 4 ? true : undefined))
        await admin(async ({ registry }) => {
          const [key] = await registry.gatewayKeys()
          await registry.setGatewayKey(key?.prefix ?? '', { enabled: false })
        })
      },
    })
    const word =
      /The key is no good\.|The gateway key sk-codex-gw-\S+… is disabled\. Ask your gateway admin for a new one\./
    const plain = (text: string): string => text.replace(word, 'NO')
    deepEqual(through.complaints.map(plain), direct.complaints.map(plain))
    deepEqual([through.codes, direct.codes], [[1], [1]])
    match(through.complaints.join('\n'), /ERROR: .*The gateway key sk-codex-gw-\S+… is disabled\./)
  })
})

suite('codex over WebSocket through the gateway sees nothing, where straight to OpenAI it is in trouble', () => {
  const refusals = { 'a usage limit': USED_UP, 'a rate limit': LIMITED, 'a 503': BUSY }
  for (const [name, fault] of Object.entries(refusals)) {
    test(`when one key of two is refused with ${name} at the handshake`, async () => {
      const gateway = { upstreams: [ALPHA, BETA] }
      await expectBetter({ gateway, faults: [{ ...fault, on: 'handshake', key: 'alpha', times: null }] })
    })
  }

  for (const [name, fault] of [
    ['a rate limit', LIMITED],
    ['a 503', BUSY],
  ] as const) {
    test(`when the only key is refused with ${name} at the handshake, for the gateway waits`, async () => {
      await expectBetter({ faults: [{ ...fault, on: 'handshake' }] })
    })
  }

  test('when its upstream key is disabled or limited between two turns', async () => {
    const gateway = { upstreams: [ALPHA, ALPHA_OTHER] }
    for (const fault of [WRONG_KEY, LIMITED]) {
      const faults = afterFirstTurn(fault).map((each) => ({ ...each, key: 'alpha' }))
      await expectBetter({ simulator: TOOLS, gateway, faults })
    }
  })

  test('but is told whom to ask, and not of the account’s own limit, where no other key is left', async () => {
    const faults: Fault[] = [{ ...USED_UP, on: 'handshake', times: null }]
    const { direct, through } = await bothWays({ faults })
    deepEqual([direct.codes, through.codes], [[1], [1]])
    match(direct.complaints.join(), new RegExp(`You${APOSTROPHE}ve hit your usage limit`))
    match(through.complaints.join(), /None of the gateway’s upstream keys .*Ask your gateway admin\./)
    ok(!/usage limit/.test(through.complaints.join()))
  })
})
