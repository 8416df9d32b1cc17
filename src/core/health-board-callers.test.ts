import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { BILLING, OK, WANT, Ward, cool, key } from '../../test/support/ward.ts'

suite('the health of keys, against what callers and upstream may do to it', () => {
  test('names that callers make up push out no other cooldown', () => {
    const ward = new Ward()
    const [broke, refused, abroad] = [key(1, { organization: 'o' }), key(2), key(3, { organization: 'q' })]
    ward.say(broke, BILLING)
    for (let i = 0; i < 2; i++) ward.say(refused, { kind: 'unauthorized' })
    ward.say(abroad, { kind: 'disable', scope: 'organization', reason: 'region' })
    for (let i = 0; i < 10_000; i++) {
      ward.say(key(4), { kind: 'exclude', model: `made up ${i}`, serviceTier: i % 2 === 0 ? 'flex' : undefined })
    }
    deepEqual(
      [broke, refused, abroad].map((of) => [ward.state(of), ward.board.pulse(of, 0, ward.now).reason]),
      ['billing', 'unauthorized', 'region'].map((reason) => ['disabled', reason]),
    )
    equal(ward.state(key(4), { model: 'made up 9999', serviceTier: undefined }), 'disabled')
    equal(ward.state(key(4), { model: 'made up 1', serviceTier: undefined }), 'fit')
    equal(ward.board.size, 10_000)
  })

  test('names that callers made up are forgotten an hour after they are over, though nobody asks for them', () => {
    const ward = new Ward()
    for (let i = 0; i < 100; i++) ward.say(key(4), { kind: 'exclude', model: `made up ${i}`, serviceTier: undefined })
    ward.pass(60_000 + 3_600_000)
    ward.say(key(1), { kind: 'neutral' })
    equal(ward.board.size, 100)
    ward.pass(60_000)
    ward.say(key(1), { kind: 'neutral' })
    equal(ward.board.size, 0)
    // What needs an administrator is not.
    ward.say(key(2), BILLING)
    ward.pass(30 * 86_400_000)
    ward.say(key(1), { kind: 'neutral' })
    equal(ward.board.size, 1)
  })

  test('a rate limit that asks for next to nothing again and again is probed more and more slowly', () => {
    const ward = new Ward()
    const waits: number[] = []
    for (let i = 0; i < 8; i++) {
      ward.say(key(1), cool(28))
      ward.say(key(1), cool(28)) // The same event.
      waits.push(ward.left(key(1)))
      ward.pass(ward.left(key(1)))
      ward.board.enter(key(1), WANT, ward.now)
    }
    deepEqual(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000])
    ward.say(key(1), cool(9000))
    equal(ward.left(key(1)), 9000)
    ward.pass(9000)
    ward.board.enter(key(1), WANT, ward.now)
    ward.say(key(1), OK)
    ward.say(key(1), cool(28))
    equal(ward.left(key(1)), 100)
  })
})
