import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { BILLING, OK, SETTINGS, WANT, Ward, cool, key } from '../../test/support/ward.ts'
import type { Outcome } from './health.ts'

suite('the health of keys', () => {
  test('a rate limit cools the model in the whole project, and nothing else', () => {
    const ward = new Ward()
    const [a, b, c] = [key(1, { project: 'p' }), key(2, { project: 'p' }), key(3, { project: 'q' })]
    ward.say(a, cool(5000))
    equal(ward.left(a), 5000)
    equal(ward.left(b), 5000)
    equal(ward.state(c), 'fit')
    equal(ward.state(a, { model: 'other', serviceTier: undefined }), 'fit')
    equal(ward.board.pulse(b, 2, ward.now).reason, 'rate_limit')
    ward.say(c, { kind: 'cool', model: undefined, forMs: 5000 })
    equal(ward.state(c, { model: 'other', serviceTier: undefined }), 'cooling')
  })

  test('keys without a project share no rate limit', () => {
    const ward = new Ward()
    ward.say(key(1, { organization: 'o' }), cool(5000))
    equal(ward.state(key(2, { organization: 'o' })), 'fit')
    equal(ward.state(key(2)), 'fit')
  })

  test('of two ends the later counts, and none is later than ten minutes', () => {
    const ward = new Ward()
    ward.say(key(1), cool(20_000))
    ward.say(key(1), cool(5000))
    equal(ward.left(key(1)), 20_000)
    ward.pass(1000)
    ward.say(key(1), cool(30_000))
    equal(ward.left(key(1)), 30_000)
    ward.say(key(1), cool(1e12))
    equal(ward.left(key(1)), 600_000)
  })

  test('a rate limit without a hint cools for 5 to 20 seconds', () => {
    for (const [random, expected] of [
      [0, 5000],
      [0.5, 12_500],
      [1, 20_000],
    ] as const) {
      const ward = new Ward()
      ward.say(key(1), cool(undefined), random)
      equal(ward.left(key(1)), expected)
    }
  })

  test('after a cooldown one probe goes first, and heals all whom the cooldown held', () => {
    const ward = new Ward()
    const [a, b] = [key(1, { project: 'p' }), key(2, { project: 'p' })]
    ward.say(a, cool(5000))
    ward.pass(5000)
    equal(ward.state(b), 'fit')
    ward.board.enter(b, WANT, ward.now)
    equal(ward.state(a), 'cooling')
    equal(ward.board.pulse(a, 0, ward.now).state, 'probing')
    ward.say(a, OK) // Of an older call: it proves nothing.
    equal(ward.state(a), 'cooling')
    ward.say(b, OK)
    equal(ward.state(a), 'fit')
    equal(ward.board.size, 0)
  })

  test('a probe that fails cools again, and one that never reports counts as lost', () => {
    const ward = new Ward()
    ward.say(key(1), cool(5000))
    ward.pass(5000)
    ward.board.enter(key(1), WANT, ward.now)
    ward.say(key(1), cool(7000))
    equal(ward.left(key(1)), 7000)
    ward.pass(7000)
    ward.board.enter(key(1), WANT, ward.now)
    equal(ward.left(key(1)), 30_000)
    ward.pass(30_000)
    equal(ward.state(key(1)), 'fit')
    const leave = ward.board.enter(key(1), WANT, ward.now)
    equal(ward.state(key(1)), 'cooling')
    equal(leave?.(), true)
    equal(ward.state(key(1)), 'fit')
    equal(leave?.(), false)
  })

  test('a good response head ends what was probed, without waiting for the end of the stream', () => {
    const ward = new Ward()
    const [a, b] = [key(1, { project: 'p' }), key(2, { project: 'p' })]
    ward.say(a, cool(5000))
    ward.pass(5000)
    ward.board.enter(a, WANT, ward.now)
    equal(ward.state(b), 'cooling')
    ward.say(a, { kind: 'answering' })
    equal(ward.state(b), 'fit')
  })

  test('a key whose answers begin well and always break is cooled all the same', () => {
    const ward = new Ward()
    const a = key(1)
    for (let i = 0; i < SETTINGS.maxFailures; i++) {
      equal(ward.state(a), 'fit')
      ward.say(a, { kind: 'answering' })
      ward.say(a, { kind: 'penalty' })
    }
    equal(ward.state(a), 'cooling')
  })

  test('failures in a row cool a key, but not as a last resort, and one success ends it', () => {
    const ward = new Ward()
    for (let i = 0; i < 2; i++) ward.say(key(1), { kind: 'penalty' })
    ward.say(key(1), OK)
    for (let i = 0; i < 2; i++) ward.say(key(1), { kind: 'penalty' })
    equal(ward.state(key(1)), 'fit')
    ward.say(key(1), { kind: 'penalty' })
    deepEqual(ward.board.fitness(key(1), WANT, ward.now), {
      state: 'cooling',
      until: ward.now + 60_000,
      lastResortFrom: 0,
      disabledBy: undefined,
    })
    equal(ward.board.pulse(key(1), 0, ward.now).failuresInRow, 3)
    ward.say(key(1), cool(100))
    equal(ward.board.fitness(key(1), WANT, ward.now).lastResortFrom, ward.now + 100)
    ward.pass(1000)
    ward.say(key(1), OK)
    equal(ward.state(key(1)), 'fit')
  })

  test('a second 401 disables; probes come more and more slowly; a success in between makes it the first again', () => {
    const ward = new Ward()
    ward.say(key(1), { kind: 'unauthorized' })
    equal(ward.state(key(1)), 'fit')
    ward.say(key(1), OK)
    ward.say(key(1), { kind: 'unauthorized' })
    equal(ward.state(key(1)), 'fit')
    ward.say(key(1), { kind: 'unauthorized' })
    ward.say(key(1), { kind: 'unauthorized' })
    equal(ward.state(key(1)), 'disabled')
    equal(ward.left(key(1)), 60_000)
    ward.pass(60_000)
    equal(ward.state(key(1)), 'fit')
    equal(ward.board.pulse(key(1), 0, ward.now).state, 'disabled')
    ward.board.enter(key(1), WANT, ward.now)
    equal(ward.state(key(1)), 'disabled')
    ward.say(key(1), { kind: 'unauthorized' })
    equal(ward.left(key(1)), 120_000)
    for (let i = 0; i < 20; i++) {
      ward.pass(ward.left(key(1)))
      ward.say(key(1), { kind: 'unauthorized' })
    }
    equal(ward.left(key(1)), 1_800_000)
  })

  test('billing disables the organization, or the project, or the key alone, until a slow probe succeeds', () => {
    const ward = new Ward()
    const a = key(1, { organization: 'o', project: 'p' })
    const b = key(2, { organization: 'o', project: 'q' })
    ward.say(a, { kind: 'disable', scope: 'project', reason: 'billing' })
    deepEqual([ward.state(a), ward.state(b)], ['disabled', 'fit'])
    ward.say(a, BILLING)
    deepEqual([ward.state(a), ward.state(b), ward.state(key(3))], ['disabled', 'disabled', 'fit'])
    ward.pass(300_000)
    ward.board.enter(a, WANT, ward.now)
    deepEqual([ward.state(a), ward.state(b)], ['disabled', 'disabled'])
    ward.say(a, OK)
    deepEqual([ward.state(a), ward.state(b)], ['fit', 'fit'])

    ward.say(key(3), BILLING)
    deepEqual([ward.state(key(3)), ward.state(key(4)), ward.state(a)], ['disabled', 'fit', 'fit'])
    ward.say(a, { kind: 'disable', scope: 'organization', reason: 'region' })
    equal(ward.board.pulse(b, 0, ward.now).reason, 'region')
  })

  test('an overloaded host pauses for all its keys, longer each time, never long', () => {
    const ward = new Ward()
    const [a, b, c] = [key(1), key(2), key(3, { baseUrl: 'https://other.example/v1' })]
    ward.say(a, { kind: 'overloaded', forMs: undefined })
    ward.say(b, { kind: 'overloaded', forMs: undefined }) // The same event.
    deepEqual([ward.left(a), ward.left(b)], [1000, 1000])
    equal(ward.state(c), 'fit')
    const waits: number[] = []
    for (let i = 0; i < 7; i++) {
      ward.pass(ward.left(a))
      ward.board.enter(a, WANT, ward.now)
      ward.say(a, { kind: 'overloaded', forMs: undefined })
      waits.push(ward.left(a))
    }
    deepEqual(waits, [2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
    ward.say(c, { kind: 'overloaded', forMs: 9e9 })
    equal(ward.left(c), 60_000)
    equal(ward.state(key(4, { baseUrl: 'https://other.example/v2' })), 'cooling')
  })

  test('a model that a project does not have is out for that project, and no illness', () => {
    const ward = new Ward()
    const [a, b] = [key(1, { project: 'p' }), key(2, { project: 'p' })]
    ward.say(a, { kind: 'exclude', model: 'm', serviceTier: 'flex' })
    equal(ward.state(b), 'fit')
    equal(ward.state(b, { model: 'm', serviceTier: 'flex' }), 'disabled')
    ward.say(a, { kind: 'exclude', model: 'm', serviceTier: undefined })
    equal(ward.state(b), 'disabled')
    equal(ward.state(b, { model: 'n', serviceTier: undefined }), 'fit')
    equal(ward.board.pulse(a, 0, ward.now).state, 'healthy')
  })

  test('a model that a project does not have is asked for again after a minute, then every hour', () => {
    const ward = new Ward()
    const waits: number[] = []
    for (let i = 0; i < 3; i++) {
      ward.say(key(1), { kind: 'exclude', model: 'm', serviceTier: undefined })
      ward.say(key(1), { kind: 'exclude', model: 'm', serviceTier: undefined }) // The same event.
      waits.push(ward.left(key(1)))
      ward.pass(ward.left(key(1)))
      equal(ward.state(key(1)), 'fit')
      ward.board.enter(key(1), WANT, ward.now)
      equal(ward.state(key(1)), 'disabled')
    }
    deepEqual(waits, [60_000, 3_600_000, 3_600_000])
  })

  test('a newer version of a key forgets what was learned, and an older one teaches nothing', () => {
    const ward = new Ward()
    const a = key(1, { organization: 'o' })
    ward.say(a, BILLING)
    ward.say(a, { kind: 'penalty' })
    const newer = { ...a, version: 2 }
    equal(ward.board.meet(newer), true)
    equal(ward.state(newer), 'fit')
    equal(ward.state(key(2, { organization: 'o' })), 'fit')
    ward.say(a, BILLING)
    equal(ward.state(newer), 'fit')
    equal(ward.board.meet(a), false)
    equal(ward.board.pulse(newer, 0, ward.now).failuresInRow, 0)
  })

  test('a neutral outcome changes nothing', () => {
    const ward = new Ward()
    ward.say(key(1), { kind: 'penalty' })
    ward.say(key(1), { kind: 'neutral' })
    equal(ward.board.pulse(key(1), 0, ward.now).failuresInRow, 1)
    equal(ward.board.size, 0)
  })

  test('what strangers make up does not pile up, and what is long over needs no probe', () => {
    const ward = new Ward()
    for (let i = 0; i < 12_000; i++)
      ward.say(key(1), { kind: 'exclude', model: `made up ${i}`, serviceTier: undefined })
    equal(ward.board.size, 10_000)
    ward.say(key(1), cool(1000))
    ward.pass(602_000)
    equal(ward.board.enter(key(1), WANT, ward.now), undefined)
    equal(ward.state(key(1)), 'fit')
  })

  test('whatever is reported, a key that nobody reports on any more is fit in the end', () => {
    const outcome: fc.Arbitrary<Outcome> = fc.oneof(
      fc.constantFrom<Outcome>(OK, BILLING, { kind: 'neutral' }, { kind: 'penalty' }, { kind: 'unauthorized' }),
      fc.option(fc.nat(1e7), { nil: undefined }).map((forMs): Outcome => cool(forMs)),
      fc.option(fc.nat(1e7), { nil: undefined }).map((forMs): Outcome => ({ kind: 'overloaded', forMs })),
    )
    const step = fc.record({ id: fc.integer({ min: 1, max: 3 }), outcome, pass: fc.nat(400_000), enter: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const ward = new Ward()
        for (const { id, outcome: said, pass, enter } of steps) {
          if (enter && ward.state(key(id)) === 'fit') ward.board.enter(key(id), WANT, ward.now)
          ward.say(key(id), said, 0.5)
          const left = ward.left(key(id))
          ok(ward.state(key(id)) === 'fit' || (left > 0 && left <= 1_800_000))
          ward.pass(pass)
        }
        ward.pass(1_800_000)
        for (const id of [1, 2, 3]) equal(ward.state(key(id)), 'fit')
      }),
    )
  })
})
