import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { CallKind } from '../core/intent.ts'
import { Estimator } from '../core/estimate.ts'
import { cardWith } from '../core/price.ts'
import { ChargedTurns } from '../core/charged-turns.ts'
import type { Gateway } from './gateway.ts'
import type { CallRequest } from './identify.ts'
import { expectedPrice, NO_PRICE, priceSoFar, type Price } from './tariff.ts'

const NOW = Date.UTC(2026, 10, 23)
/** Of 4000 bytes, and of a whole answer, before anything was learned; gpt-5.5 costs 125 and 750 credits a million. */
const INPUT = 1000n * 125_000n
const OUTPUT = 4000n * 750_000n
const NONE_SEEN = { model: 'gpt-5.5', serviceTier: undefined, outputBytes: 0 }

function gatewayThat(charging: 'tokens' | 'message'): Gateway {
  const parts = { rates: cardWith(), estimator: new Estimator(), chargedTurns: new ChargedTurns() }
  return { ...parts, settings: { charging }, now: () => NOW } as unknown as Gateway
}

function requestOf(kind: CallKind, stream = true): CallRequest {
  return {
    asked: { model: 'gpt-5.5', stream },
    holder: { member: { id: 1 } },
    bodyBytes: 4000,
    continues: false,
    intent: { kind, message: kind === 'turn', turnId: 'turn-1' },
  } as unknown as CallRequest
}

suite('a call is expected to cost', () => {
  test('its request and an answer of the usual length', () => {
    equal(expectedPrice(requestOf('turn'), NOW, gatewayThat('tokens')).credits, INPUT + OUTPUT)
  })

  test('its request alone where it is a warm-up, which has no answer', () => {
    const gateway = gatewayThat('tokens')
    equal(expectedPrice(requestOf('prewarm'), NOW, gateway).credits, INPUT)
    for (const stream of [true, false])
      equal(priceSoFar(requestOf('prewarm', stream), NONE_SEEN, gateway).credits, INPUT)
    equal(priceSoFar(requestOf('turn', false), NONE_SEEN, gateway).credits, INPUT + OUTPUT)
  })

  test('a message where those are charged, and nothing where it can be none', () => {
    const gateway = gatewayThat('message')
    const { holder, intent } = requestOf('turn')
    const expected = (request: CallRequest): Price => expectedPrice(request, NOW, gateway)
    const message = { credits: 14_000_000_000n, rate: 'gpt-5.5@message', unknown: undefined }
    deepEqual(expected(requestOf('turn')), message)
    for (const kind of ['subagent', 'thread_title', 'review', 'compaction', 'prewarm', 'realtime'] as const) {
      deepEqual(expected(requestOf(kind)), NO_PRICE)
    }
    gateway.chargedTurns.add(holder.member.id, intent.turnId)
    deepEqual(expected(requestOf('turn')), NO_PRICE)
    deepEqual(expected({ ...requestOf('turn'), intent: { ...intent, turnId: 'turn-2' } }), message)
    // Each call that names no turn is a message of its own.
    gateway.chargedTurns.add(holder.member.id, undefined)
    deepEqual(expected({ ...requestOf('turn'), intent: { ...intent, turnId: undefined } }), message)
  })
})
