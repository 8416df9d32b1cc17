import { equal, notEqual } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { decryptFor, encryptFor } from './ciphertext.ts'

suite('ciphertext', () => {
  test('is readable by its organization alone', () => {
    const ciphertext = encryptFor('org-a', 'a thought')
    equal(decryptFor('org-a', ciphertext), 'a thought')
    equal(decryptFor('org-b', ciphertext), undefined)
    notEqual(encryptFor('org-a', 'a thought'), ciphertext)
  })

  test('that somebody made up, changed or cut is readable by nobody', () => {
    const ciphertext = encryptFor('org-a', 'a thought')
    const changed = ciphertext.slice(0, 60) + (ciphertext[60] === 'A' ? 'B' : 'A') + ciphertext.slice(61)
    for (const foreign of ['', 'gAAAAexampleEncryptedContent==', 'gAAAAAB', changed, ciphertext.slice(0, 90)]) {
      equal(decryptFor('org-a', foreign), undefined, foreign)
    }
  })
})
