import { deepEqual, equal, ok } from 'node:assert/strict'
import { closeSync, existsSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { journalPlace, type JournalPlace } from '../../../test/support/journal-place.ts'
import { Journal, readJournal, type FoundRecord } from './journal.ts'

const HALF_BYTES = 1_048_576
const MOST_TEXT_BYTES = 65_536

suite('journal', () => {
  test('gives back what was appended, with numbers, whatever its letters', () => {
    using place = journalPlace()
    const texts = ['{"open":1}', '', 'grün und 漢字 und 🙂', ' a blank at either end ', 'x'.repeat(MOST_TEXT_BYTES)]
    for (const text of texts) ok(place.journal.append(text))
    equal(place.journal.newest, texts.length)
    deepEqual(readJournal(place.path), {
      instance: 'one',
      records: texts.map((text, at) => ({ number: at + 1, text })),
    })
  })

  test('is nothing where there is no file, an empty one, or one of something else', () => {
    using place = journalPlace()
    deepEqual(readJournal(place.path), { instance: 'one', records: [] })
    writeFileSync(place.file, '')
    equal(readJournal(place.path), undefined)
    writeFileSync(place.file, 'another gateway\n'.repeat(1000))
    equal(readJournal(place.path), undefined)
    rmSync(place.file)
    equal(readJournal(place.path), undefined)
  })

  test('ends at a line that was not written whole', () => {
    using place = journalPlace()
    for (const text of ['first', 'second', 'third']) place.journal.append(text)
    const whole = readFileSync(place.file)
    const from = whole.indexOf('third') - 25
    for (let cut = from; cut < whole.indexOf('third') + 'third'.length; cut += 1) {
      writeFileSync(place.file, Buffer.concat([whole.subarray(0, cut), Buffer.alloc(whole.length - cut, '\n')]))
      deepEqual(texts(place), ['first', 'second'], `cut at ${cut - from}`)
    }
  })

  test('ends at a line of which one byte is another', () => {
    using place = journalPlace()
    for (const text of ['first', 'second', 'third']) place.journal.append(text)
    const whole = readFileSync(place.file)
    const [from, end] = [whole.indexOf('second') - 25, whole.indexOf('second') + 'second'.length]
    for (let at = from; at <= end; at += 1) {
      const damaged = Buffer.from(whole)
      damaged[at] = (damaged[at] ?? 0) ^ 1
      writeFileSync(place.file, damaged)
      deepEqual(texts(place), ['first'], `byte ${at - from}`)
    }
  })

  test('is written in two halves by turns, and never grows', () => {
    using place = journalPlace()
    const { journal } = place
    const size = statSync(place.file).size
    // Lines of one length: those of an earlier turn begin where those of this one end.
    const text = (number: number): string => String(number).padStart(30_000, '.')
    const perHalf = Math.floor(HALF_BYTES / 30_026)
    for (let number = 1; number <= perHalf * 7 + 3; number += 1) {
      ok(journal.append(text(number)), `record ${number}`)
      // The database is a dozen records behind.
      journal.moved(number - 12)
      if (number % 5 !== 0) continue
      const { records = [] } = readJournal(place.path) ?? {}
      equal(records.at(-1)?.number, number)
      ok((records[0]?.number ?? Infinity) <= Math.max(1, number - 11), 'what was not moved is there')
      for (const record of records) equal(record.text, text(record.number))
      gapless(records)
      equal(statSync(place.file).size, size)
    }
  })

  test('has no room while the other half holds what was not moved, and has it again after', () => {
    using place = journalPlace()
    const { journal } = place
    const text = 'x'.repeat(60_000)
    for (let most = 100; most > 0 && journal.append(text);) most -= 1
    const { newest } = journal
    ok(newest * 60_000 > 2 * HALF_BYTES - 2 * 60_100, 'both halves were used')
    const before = readFileSync(place.file)
    equal(journal.append(text), false)
    ok(readFileSync(place.file).equals(before), 'nothing was written')
    equal(journal.newest, newest)
    equal(journal.failure, undefined)
    ok(journal.append('a short one'), 'what is left of this half can still be used')
    const inFirst = newest / 2
    journal.moved(inFirst - 1)
    equal(journal.append(text), false, 'one record of the other half is still promised')
    journal.moved(inFirst)
    ok(journal.append(text))
    deepEqual(
      texts(place)
        .slice(-3)
        .map((each) => each.length),
      [60_000, 'a short one'.length, 60_000],
    )
  })

  test('takes no text of more than 64 KiB, and writes nothing of it', () => {
    using place = journalPlace()
    const before = readFileSync(place.file)
    equal(place.journal.append('x'.repeat(MOST_TEXT_BYTES + 1)), false)
    equal(place.journal.append('é'.repeat(MOST_TEXT_BYTES / 2 + 1)), false)
    ok(readFileSync(place.file).equals(before))
    equal(place.journal.newest, 0)
    equal(place.journal.failure, undefined)
    ok(place.journal.append('é'.repeat(MOST_TEXT_BYTES / 2)))
  })

  test('never takes the lines of an earlier process for its own', () => {
    using place = journalPlace()
    for (const text of ['first', 'second']) place.journal.append(text)
    place.journal.close()
    const old = readFileSync(place.file)
    const fresh = new Journal(place.path, 'two')
    deepEqual(readJournal(place.path), { instance: 'two', records: [] })
    // Nor where they stand below its own title.
    const title = readFileSync(place.file).subarray(0, 4096)
    writeFileSync(place.file, Buffer.concat([title, old.subarray(4096)]))
    deepEqual(readJournal(place.path), { instance: 'two', records: [] })
    fresh.close()
  })

  test('goes when it is closed if the database has all of it, and only then', () => {
    using place = journalPlace()
    place.journal.append('first')
    place.journal.append('second')
    place.journal.moved(1)
    place.journal.close()
    deepEqual(texts(place), ['first', 'second'])
    const moved = new Journal(place.path, 'two')
    moved.append('third')
    moved.moved(1)
    moved.close()
    equal(existsSync(place.file), false)
    new Journal(place.path, 'three').close()
    equal(existsSync(place.file), false, 'there was nothing in it')
  })

  test('writes nothing once it is closed: its file handle may be of another file by then', () => {
    using place = journalPlace()
    place.journal.append('first')
    place.journal.close()
    const other = join(place.folder, 'other')
    writeFileSync(other, 'x'.repeat(HALF_BYTES))
    using _ = heldOpen(other)
    equal(place.journal.append('second'), false)
    equal(readFileSync(other, 'utf8'), 'x'.repeat(HALF_BYTES))
    deepEqual(texts(place), ['first'])
  })

  test('is for its owner alone, whatever was there before', { skip: process.platform === 'win32' }, () => {
    using place = journalPlace()
    equal(statSync(place.file).mode & 0o777, 0o600)
    place.journal.append('first')
    place.journal.close()
    rmSync(place.file)
    writeFileSync(place.file, 'somebody else made it', { mode: 0o666 })
    const fresh = new Journal(place.path, 'two')
    equal(statSync(place.file).mode & 0o777, 0o600)
    fresh.close()
  })
})

function gapless(records: readonly FoundRecord[]): void {
  const first = records[0]?.number ?? 0
  deepEqual(
    records.map(({ number }) => number),
    records.map((_, at) => first + at),
  )
}

function texts({ path }: JournalPlace): readonly string[] {
  return (readJournal(path)?.records ?? []).map(({ text }) => text)
}

/** Opened often enough to have every handle that was free. */
function heldOpen(file: string): Disposable {
  const handles = Array.from({ length: 50 }, () => openSync(file, 'r+'))
  return { [Symbol.dispose]: () => handles.forEach((handle) => closeSync(handle)) }
}
