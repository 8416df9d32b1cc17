import { deepEqual, equal, ok } from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { journalPlace, type JournalPlace } from '../../../test/support/journal-place.ts'
import { readJournal, type Journal } from './journal.ts'

const HALF_BYTES = 1_048_576
const MOST_TEXT_BYTES = 65_536

interface Write {
  readonly do: 'append'
  readonly bytes: number
  readonly letter: string
}

type Step = Write | { readonly do: 'moved'; readonly share: number }

const writes = fc.record({
  do: fc.constant('append' as const),
  bytes: fc.oneof(fc.nat(400), fc.integer({ min: 40_000, max: MOST_TEXT_BYTES }), fc.constant(MOST_TEXT_BYTES)),
  letter: fc.constantFrom('x', '0', 'é', '漢'),
})
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: writes },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('moved' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
    },
  ),
  { minLength: 1, maxLength: 150, size: 'max' },
)
const cuts = fc.record({
  share: fc.double({ min: 0, max: 1, noNaN: true }),
  /** What stands where the last line was not written. */
  after: fc.constantFrom('what was there before', 'zeros'),
})

suite('journal: any history', () => {
  test('has every record that was appended and is not moved, up to where its writer died', () => {
    let turns = 0
    fc.assert(
      fc.property(steps, writes, cuts, (history, last, cut) => {
        using place = journalPlace()
        const model = new Model(place.journal)
        for (const step of history) model.take(step)
        compare(place, model, model.appended.length)
        if (model.bytes > 2 * HALF_BYTES) turns += 1
        const before = readFileSync(place.file)
        if (!model.append(last)) return
        const after = readFileSync(place.file)
        // In whose middle the process dies.
        const [from, to] = changedBytes(before, after)
        const dies = from + Math.round(cut.share * (to - from))
        const rest = cut.after === 'zeros' ? Buffer.alloc(to - dies) : before.subarray(dies, to)
        writeFileSync(place.file, Buffer.concat([after.subarray(0, dies), rest, after.subarray(to)]))
        compare(place, model, model.appended.length - (dies < to ? 1 : 0))
      }),
      // To make a history of megabytes smaller takes minutes.
      { numRuns: 60, endOnFailure: true },
    )
    ok(turns > 0, 'some histories came back to the first half')
  })
})

/** What was promised, kept in the plainest way. */
class Model {
  readonly appended: string[] = []
  bytes = 0
  moved = 0
  readonly #journal: Journal

  constructor(journal: Journal) {
    this.#journal = journal
  }

  take(step: Step): void {
    if (step.do === 'append') this.append(step)
    else {
      this.moved += Math.round(step.share * (this.appended.length - this.moved))
      this.#journal.moved(this.moved)
    }
  }

  append({ bytes, letter }: Write): boolean {
    const text = letter.repeat(bytes / Buffer.byteLength(letter))
    const taken = this.#journal.append(text)
    if (taken) {
      this.appended.push(text)
      this.bytes += lineOf(text)
    } else {
      const promised = this.appended.slice(this.moved).reduce((sum, each) => sum + lineOf(each), 0)
      ok(promised + lineOf(text) > HALF_BYTES, 'what is promised would not fill a half')
    }
    return taken
  }
}

/** The journal has the records up to `last`, without gaps, as far back as they are promised at the least. */
function compare(place: JournalPlace, { appended, moved }: Model, last: number): void {
  const { records = [] } = readJournal(place.path) ?? {}
  const first = records[0]?.number ?? 0
  deepEqual(
    records.map(({ number }) => number),
    records.map((_, at) => first + at),
    'without gaps',
  )
  for (const { number, text } of records) ok(text === appended[number - 1], `record ${number} is another`)
  if (last > moved) {
    equal(records.at(-1)?.number, last)
    ok(records.length > 0 && first <= moved + 1, `records from ${moved + 1} on are promised`)
  } else ok((records.at(-1)?.number ?? 0) <= last)
}

function lineOf(text: string): number {
  return 26 + Buffer.byteLength(text)
}

function changedBytes(before: Buffer, after: Buffer): readonly [from: number, to: number] {
  let [from, to] = [0, after.length]
  while (before[from] === after[from]) from += 1
  while (before[to - 1] === after[to - 1]) to -= 1
  return [from, to]
}
