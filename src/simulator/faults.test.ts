import { deepEqual, doesNotThrow, equal, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { checkFault, FaultScript, type Fault } from './faults.ts'

const CALL = { path: '/v1/responses', model: 'gpt-5.5', key: 'alpha' }

function meetings(faults: readonly Fault[], calls: readonly Partial<typeof CALL>[]): readonly (number | undefined)[] {
  const script = new FaultScript()
  for (const fault of faults) script.add(fault)
  return calls.map((call) => script.meet({ ...CALL, ...call })?.status)
}

suite('a fault script', () => {
  test('meets one call unless it is told how many', () => {
    deepEqual(meetings([{ status: 500 }], [{}, {}]), [500, undefined])
    deepEqual(meetings([{ status: 500, times: 2 }], [{}, {}, {}]), [500, 500, undefined])
    deepEqual(meetings([{ status: 500, times: null }], [{}, {}, {}]), [500, 500, 500])
  })

  test('takes its faults in order', () => {
    deepEqual(meetings([{ status: 500 }, { status: 429 }], [{}, {}, {}]), [500, 429, undefined])
  })

  test('lets the first calls pass when told to', () => {
    deepEqual(meetings([{ status: 500, skip: 2 }], [{}, {}, {}, {}]), [undefined, undefined, 500, undefined])
  })

  test('meets only the path, the model and the key that it names', () => {
    const calls = [{ path: '/v1/models' }, { model: 'gpt-6-sol' }, { key: 'beta' }, {}]
    deepEqual(meetings([{ ...CALL, status: 401 }], calls), [undefined, undefined, undefined, 401])
  })

  test('meets handshakes only when it is on them, and requests and turns unless it is on others', () => {
    const met = (on: Fault['on']): readonly (string | undefined)[] =>
      (['request', 'turn', 'handshake'] as const).filter((place) => {
        const script = new FaultScript()
        script.add(on === undefined ? { status: 500 } : { status: 500, on })
        return script.meet({ ...CALL, on: place }) !== undefined
      })
    deepEqual(met(undefined), ['request', 'turn'])
    for (const on of ['request', 'turn', 'handshake'] as const) deepEqual(met(on), [on])
  })

  test('forgets them all', () => {
    const script = new FaultScript()
    script.add({ status: 500 })
    script.clear()
    equal(script.meet(CALL), undefined)
  })
})

suite('a fault that came as JSON', () => {
  const wrong: readonly (readonly [string, unknown, RegExp])[] = [
    ['an unknown field', { staus: 500 }, /^fault\.staus is not known; known are path, model/],
    ['a status that is none', { status: 99 }, /^fault\.status must be a whole number, from 200 to 599, not 99$/],
    [
      'a reset with two moments',
      { reset: { afterEvents: 1, afterBytes: 2 } },
      /^fault\.reset\.afterEvents is not known/,
    ],
    ['a reset without one', { reset: {} }, /^fault\.reset\.afterEvents is missing$/],
    ['a stall without a moment', { stall: { ms: 5 } }, /^fault\.stall\.afterEvents is missing$/],
    ['an ending of no kind', { ending: { type: 'response.done' } }, /^fault\.ending\.type must be one of/],
    ['a body without a status', { body: 'x' }, /^fault\.body needs fault\.status/],
    ['headers which are no texts', { headers: { a: 1 } }, /^fault\.headers must be an object of texts/],
    ['a place that is none', { on: 'socket' }, /^fault\.on must be one of \["request","turn","handshake","books"\]/],
    ['a frame without JSON', { frame: {} }, /^fault\.frame\.json is missing$/],
    ['a frame that is a text', { frame: { json: 'x' } }, /^fault\.frame\.json must be an object/],
    ['a close code that cannot be sent', { close: { code: 1006 } }, /^fault\.close\.code must be a close code/],
    ['a close code out of range', { close: { code: 2000 } }, /^fault\.close\.code must be a close code/],
    ['a reason that is too long', { close: { code: 1000, reason: 'é'.repeat(62) } }, /^fault\.close\.reason must be/],
    ['a reason without a code', { close: { reason: 'x' } }, /^fault\.close\.reason needs fault\.close\.code$/],
    ['a giant without a size', { giant: { afterEvents: 1 } }, /^fault\.giant\.bytes is missing$/],
    [
      'a giant that is small',
      { giant: { afterEvents: 1, bytes: 63 } },
      /^fault\.giant\.bytes must be a whole number, 64/,
    ],
    ['a list', [], /^fault must be an object/],
  ]
  for (const [what, fault, message] of wrong) {
    test(`is refused for ${what}`, () => {
      throws(() => checkFault(fault), { name: 'TypeError', message })
    })
  }

  test('is taken with every field at once', () => {
    doesNotThrow(() =>
      checkFault({
        path: '/v1/responses',
        model: 'm',
        key: 'k',
        on: 'turn',
        skip: 0,
        times: null,
        status: 500,
        body: { any: 'thing' },
        headers: { a: 'b', c: ['d', 'e'] },
        headDelayMs: 0,
        eventDelayMs: 1,
        reset: { afterBytes: 0 },
        stall: { afterEvents: 1 },
        garbage: { afterEvents: 1, text: 'x', raw: true },
        giant: { afterEvents: 1, bytes: 64 },
        frame: { json: { any: 'thing' }, afterEvents: 1, goOn: true },
        close: { code: 4000, reason: '', afterEvents: 2 },
        endAfterEvents: 3,
        ending: { type: 'error', afterEvents: 2, code: 'c', message: 'm', usage: true },
        omitUsage: true,
        serviceTier: 'flex',
        replyModel: 'm2',
      }),
    )
  })
})
