import { deepEqual, equal, match, ok, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { GATEWAY_KEY_BYTES, newGatewayKey, parseGatewayKey } from './gateway-key.ts'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_ .é'
const random = fc.uint8Array({ minLength: GATEWAY_KEY_BYTES, maxLength: GATEWAY_KEY_BYTES })

suite('a gateway key', () => {
  test('is accepted as it was made, and found by its prefix', () => {
    fc.assert(
      fc.property(random, (bytes) => {
        const key = newGatewayKey(bytes)
        match(key.secret, /^sk-codex-gw-[0-9A-Za-z]{35}$/)
        ok(key.secret.startsWith(key.prefix))
        deepEqual(parseGatewayKey(key.secret), { ok: true, prefix: key.prefix })
      }),
    )
  })

  test('keeps every random bit', () => {
    fc.assert(
      fc.property(random, random, (one, other) => {
        equal(newGatewayKey(one).secret === newGatewayKey(other).secret, Buffer.from(one).equals(other))
      }),
    )
    const last = newGatewayKey(new Uint8Array(GATEWAY_KEY_BYTES).fill(255)).secret
    const lastButOne = newGatewayKey(
      new Uint8Array(GATEWAY_KEY_BYTES).fill(255).with(GATEWAY_KEY_BYTES - 1, 254),
    ).secret
    ok(last !== lastButOne)
  })

  test('is refused after any single character was changed', () => {
    fc.assert(
      fc.property(random, fc.nat(46), fc.constantFrom(...ALPHABET.split('')), (bytes, at, other) => {
        const { secret } = newGatewayKey(bytes)
        const wrong = secret.slice(0, at) + other + secret.slice(at + 1)
        equal(parseGatewayKey(wrong).ok, wrong === secret)
      }),
      { numRuns: 3000 },
    )
  })

  test('is refused after any two characters were swapped', () => {
    fc.assert(
      fc.property(random, fc.nat(46), fc.nat(46), (bytes, one, other) => {
        const { secret } = newGatewayKey(bytes)
        const chars = secret.split('')
        ;[chars[one], chars[other]] = [chars[other] ?? '', chars[one] ?? '']
        const wrong = chars.join('')
        equal(parseGatewayKey(wrong).ok, wrong === secret)
      }),
      { numRuns: 3000 },
    )
  })

  test('is refused after a character was lost or typed twice', () => {
    fc.assert(
      fc.property(random, fc.nat(46), (bytes, at) => {
        const { secret } = newGatewayKey(bytes)
        equal(parseGatewayKey(secret.slice(0, at) + secret.slice(at + 1)).ok, false)
        equal(parseGatewayKey(secret.slice(0, at) + secret.charAt(at) + secret.slice(at)).ok, false)
      }),
    )
  })

  test('of the first generation stays valid', () => {
    deepEqual(parseGatewayKey('sk-codex-gw-0123456789abcdef0123456789abcdef'), {
      ok: true,
      prefix: 'sk-codex-gw-0123',
    })
    equal(parseGatewayKey('sk-codex-gw-0123456789abcdef0123456789abcdeF').ok, false)
    equal(parseGatewayKey('sk-codex-gw-0123456789abcdef0123456789abcde').ok, false)
  })

  test('is told from what members confuse it with', () => {
    const problemOf = (text: string) => {
      const parsed = parseGatewayKey(text)
      return parsed.ok ? undefined : parsed.problem
    }
    equal(problemOf(''), 'missing')
    equal(problemOf('hello'), 'malformed')
    equal(problemOf('sk-codex-gw-short'), 'malformed')
    equal(problemOf(`${newGatewayKey(new Uint8Array(GATEWAY_KEY_BYTES)).secret} `), 'malformed')
    equal(problemOf('eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln'), 'chatgpt-token')
    equal(problemOf('sk-proj-abcDEF_123'), 'openai-key')
    equal(problemOf('sk-abcdef'), 'openai-key')
  })

  test('never throws at anything that is sent as one', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => equal(typeof parseGatewayKey(text).ok, 'boolean')))
  })

  test('wants its random bytes whole', () => {
    throws(() => newGatewayKey(new Uint8Array(20)), RangeError)
  })
})
