import { equal, match, notDeepEqual, ok, throws } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { fingerprintOf, seal, unseal } from './sealing.ts'

const key = new Uint8Array(32).fill(1)
const place = { table: 'upstreams', row: 3, column: 'secret' }

suite('sealing', () => {
  test('opens what it sealed, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (secret) => {
        equal(unseal(key, place, seal(key, place, secret)), secret)
      }),
    )
  })

  test('never seals the same secret into the same bytes, and never shows it', () => {
    const [one, two] = [seal(key, place, 'sk-proj-hunter2'), seal(key, place, 'sk-proj-hunter2')]
    notDeepEqual(one, two)
    ok(!Buffer.from(one).includes('hunter2'))
  })

  test('refuses bytes in which any one bit was changed', () => {
    const sealed = seal(key, place, 'sk-1')
    for (let index = 0; index < sealed.length; index += 1) {
      const tampered = sealed.map((byte, i) => (i === index ? byte ^ 1 : byte))
      throws(() => unseal(key, place, tampered), /cannot be decrypted/)
    }
    throws(() => unseal(key, place, sealed.subarray(0, 20)), /cannot be decrypted/)
    throws(() => unseal(key, place, new Uint8Array()), /cannot be decrypted/)
  })

  test('refuses what was sealed for another row, column or table, or with another key', () => {
    const sealed = seal(key, place, 'sk-1')
    for (const other of [{ row: 4 }, { column: 'name' }, { table: 'members' }]) {
      throws(() => unseal(key, { ...place, ...other }, sealed), /cannot be decrypted/)
    }
    throws(() => unseal(randomBytes(32), place, sealed), /cannot be decrypted/)
  })

  test('tells keys apart by eight hex digits', () => {
    match(fingerprintOf(key), /^[0-9a-f]{8}$/)
    equal(fingerprintOf(key), fingerprintOf(new Uint8Array(32).fill(1)))
    ok(fingerprintOf(key) !== fingerprintOf(new Uint8Array(32).fill(2)))
    throws(() => fingerprintOf(new Uint8Array(31)), /has 32 bytes, this one has 31/)
  })
})
