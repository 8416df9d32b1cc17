import { equal, notEqual } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { encryptFor, isReadableBy } from './ciphertext.ts'

suite('ciphertext', () => {
  test('is readable by its organization alone', () => {
    const ciphertext = encryptFor('org-a')
    equal(isReadableBy('org-a', ciphertext), true)
    equal(isReadableBy('org-b', ciphertext), false)
    notEqual(encryptFor('org-a'), ciphertext)
  })

  test('that somebody made up or changed is readable by nobody', () => {
    const ciphertext = encryptFor('org-a')
    const changed = ciphertext.slice(0, 12) + (ciphertext[12] === 'A' ? 'B' : 'A') + ciphertext.slice(13)
    for (const foreign of ['', 'gAAAAexampleEncryptedContent==', 'gAAAAAB', changed]) {
      equal(isReadableBy('org-a', foreign), false, foreign)
    }
  })
})
