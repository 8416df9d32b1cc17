import { closeSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { createPrivate } from './private-files.ts'

// A file beside the database: what has been promised and is not in the database yet. It is written by one thread, without
// syncing, and so survives the death of the process, not that of the machine. It never grows: two halves are written by
// turns, each again from its beginning once the database has all of it.
//
//   codex-gateway journal 1 <instance>      padded to HEAD bytes
//   <number> <crc32 of instance, number and text> <text>    one a line, in each half from its beginning

const PAGE_BYTES = 4096
const HEAD_BYTES = PAGE_BYTES
const HALF_BYTES = 1_048_576
const MOST_TEXT_BYTES = 65_536
const NUMBER_DIGITS = 15
const CRC_DIGITS = 8
/** Number, blank, checksum, blank. */
const PREFIX_BYTES = NUMBER_DIGITS + 1 + CRC_DIGITS + 1
/** After a line that could not be written. */
const AGAIN_MS = 250
const TITLE = 'codex-gateway journal 1 '

export function journalPathOf(databasePath: string): string {
  return `${databasePath}-entries`
}

/** The journal of one serving process. */
export class Journal {
  readonly #path: string
  readonly #instance: string
  readonly #file: number
  readonly #line = Buffer.alloc(PREFIX_BYTES + MOST_TEXT_BYTES + 1)
  /** The newest number in each half. */
  readonly #newest: [number, number] = [0, 0]
  #half: 0 | 1 = 0
  #position = HEAD_BYTES
  #number = 0
  #moved = 0
  #failure: Error | undefined
  #againAtMs = 0
  #closed = false

  /** Makes it anew, empty, in place of the one that is there. Throws when that cannot be done. */
  constructor(databasePath: string, instance: string) {
    this.#path = journalPathOf(databasePath)
    this.#instance = instance
    rmSync(this.#path, { force: true })
    createPrivate(this.#path)
    this.#file = openSync(this.#path, 'r+')
    // Its blocks are there from now on: writing into them changes no more than their bytes.
    const blank = Buffer.alloc(HEAD_BYTES + 2 * HALF_BYTES, '\n')
    blank.write(TITLE + instance)
    try {
      // Page by page: what is written at once is kept in one large folio, and ext4 looks through all blocks of a folio with
      // each later write into it (8 µs a line instead of 2).
      for (let at = 0; at < blank.length; at += PAGE_BYTES) {
        if (writeSync(this.#file, blank, at, PAGE_BYTES, at) !== PAGE_BYTES)
          throw new Error('there is no room for the journal')
      }
      fsyncSync(this.#file)
    } catch (cause) {
      closeSync(this.#file)
      throw cause
    }
  }

  /** Why nothing could be written into it the last time; undefined while it works. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** The number of the newest record, 0 before there is one. */
  get newest(): number {
    return this.#number
  }

  /** Writes a record, a line without its end; false, and nothing is written, where it has no room or does not work. */
  append(text: string): boolean {
    const bytes = Buffer.byteLength(text)
    // Once it is closed, its handle may be of another file.
    if (this.#closed || bytes > MOST_TEXT_BYTES) return false
    if (this.#failure !== undefined && performance.now() < this.#againAtMs) return false
    const size = PREFIX_BYTES + bytes + 1
    if (!this.#makeRoom(size)) return false
    const number = this.#number + 1
    const line = this.#line.subarray(0, size)
    line.write(text, PREFIX_BYTES)
    line[size - 1] = 10
    const sum = checksum(this.#instance, number, line.subarray(PREFIX_BYTES, size - 1))
    line.write(`${padded(number)} ${sum} `, 0, 'latin1')
    try {
      if (writeSync(this.#file, line, 0, size, this.#position) !== size)
        throw new Error('the journal was not written whole')
    } catch (cause) {
      // What was written of it nobody was promised: the next try writes over it.
      this.#failure = cause instanceof Error ? cause : new Error(String(cause))
      this.#againAtMs = performance.now() + AGAIN_MS
      return false
    }
    this.#failure = undefined
    this.#number = number
    this.#newest[this.#half] = number
    this.#position += size
    return true
  }

  /** The database has everything up to this number. */
  moved(number: number): void {
    this.#moved = Math.max(this.#moved, number)
  }

  /** Takes the file away if the database has all of it; else, or if it is to be kept, it is there for the next start. */
  close({ keep = false }: { readonly keep?: boolean } = {}): void {
    if (this.#closed) return
    this.#closed = true
    closeSync(this.#file)
    if (!keep && this.#moved === this.#number) rmSync(this.#path, { force: true })
  }

  #makeRoom(size: number): boolean {
    if (this.#position + size <= beginningOf(this.#half) + HALF_BYTES) return true
    const other = this.#half === 0 ? 1 : 0
    if (this.#newest[other] > this.#moved) return false
    this.#half = other
    this.#position = beginningOf(other)
    return true
  }
}

export interface FoundJournal {
  /** Of the process that wrote it. */
  readonly instance: string
  /** By their numbers; only in a damaged file is any missing between them. */
  readonly records: readonly FoundRecord[]
}

export interface FoundRecord {
  readonly number: number
  readonly text: string
}

/** Reads what a process that has died left in it; undefined where there is nothing, or no journal. */
export function readJournal(databasePath: string): FoundJournal | undefined {
  let bytes: Buffer
  try {
    bytes = readFileSync(journalPathOf(databasePath))
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw cause
  }
  const title = bytes.toString('utf8', 0, bytes.indexOf('\n'))
  if (!title.startsWith(TITLE)) return undefined
  const instance = title.slice(TITLE.length)
  const halves = ([0, 1] as const).map((half) => recordsOf(bytes, half, instance))
  const [older = [], newer = []] = halves.toSorted((a, b) => (a[0]?.number ?? 0) - (b[0]?.number ?? 0))
  return { instance, records: [...older, ...newer] }
}

/** A line that was not written whole, or is left from an earlier turn of its half, ends them. */
function recordsOf(bytes: Buffer, half: 0 | 1, instance: string): readonly FoundRecord[] {
  const records: FoundRecord[] = []
  const end = beginningOf(half) + HALF_BYTES
  for (let from = beginningOf(half); from < end;) {
    const to = bytes.indexOf('\n', from)
    if (to < from + PREFIX_BYTES || to >= end) break
    const [number = '', sum = ''] = bytes.toString('latin1', from, from + PREFIX_BYTES).split(' ')
    const text = bytes.subarray(from + PREFIX_BYTES, to)
    const before = records.at(-1)?.number
    if (before !== undefined && Number(number) !== before + 1) break
    if (sum !== checksum(instance, Number(number), text)) break
    records.push({ number: Number(number), text: text.toString('utf8') })
    from = to + 1
  }
  return records
}

function beginningOf(half: 0 | 1): number {
  return HEAD_BYTES + half * HALF_BYTES
}

function padded(number: number): string {
  return String(number).padStart(NUMBER_DIGITS, '0')
}

function checksum(instance: string, number: number, text: Uint8Array): string {
  return crc32(text, crc32(instance + padded(number)))
    .toString(16)
    .padStart(CRC_DIGITS, '0')
}
