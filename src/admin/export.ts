import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { link, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { getSystemErrorMessage } from 'node:util'
import type { CallReports, CallRow, PageMark, PageRange } from '../ports.ts'
import { CALL_CSV } from './call-csv.ts'
import { csvHead, csvLine } from './csv.ts'
import { callJson } from './json-form.ts'
import { WrongUse } from './wrong-use.ts'

/** Where an export goes. */
export interface Sink {
  /** Resolves when it has been taken. */
  write(text: string): Promise<void>
  /** Whether nobody wants more. */
  ended(): boolean
}

/** So many calls are in memory at once. */
const PAGE = 500

interface Form {
  readonly head: string
  readonly line: (call: CallRow) => string
}

export type ExportFormat = 'csv' | 'jsonl'

const FORMS: Readonly<Record<ExportFormat, Form>> = {
  csv: { head: csvHead(CALL_CSV), line: (call: CallRow) => csvLine(CALL_CSV, call) },
  jsonl: { head: '', line: (call: CallRow) => `${JSON.stringify(callJson(call))}\n` },
}

export interface Exported {
  readonly calls: number
  /** Those of them that had not ended, and so have no cost yet. */
  readonly open: number
}

/** Writes the calls of a stretch of time, the oldest first; each is in the one stretch in which it started. `tell` hears how far it is. */
export async function exportCalls(
  reports: CallReports,
  range: PageRange,
  { format, sink }: { readonly format: ExportFormat; readonly sink: Sink },
  tell: (done: number, share: number) => void,
): Promise<Exported> {
  const { head, line } = FORMS[format]
  const [newest] = await reports.calls({ ...range, limit: 1 })
  if (head !== '') await sink.write(head)
  let [mark, first, done, open]: [PageMark | undefined, number | undefined, number, number] = [
    undefined,
    undefined,
    0,
    0,
  ]
  while (!sink.ended()) {
    const page = await reports.page(range, mark, PAGE)
    if (page.mark === undefined) break
    mark = page.mark
    first ??= page.calls[0]?.startedAt
    done += page.calls.length
    open += page.calls.filter(({ ending }) => ending === undefined).length
    await sink.write(page.calls.map(line).join(''))
    tell(done, shareOf(first ?? 0, mark.startedAt, newest?.startedAt ?? 0))
  }
  return { calls: done, open }
}

/** By time, for to count them beforehand would take as long again. */
function shareOf(first: number, now: number, last: number): number {
  return now >= last ? 1 : (now - first) / (last - first)
}

/**
 * A new file for its owner alone. It is written beside, by a name of its own, and gets its own when it is whole: what an
 * interruption leaves behind is never taken for it. Throws WrongUse when there is one of that name.
 */
export async function intoFile<T>(path: string, write: (sink: Sink) => Promise<T>): Promise<T> {
  if (existsSync(path)) throw there(path)
  const part = `${path}.part-${randomBytes(4).toString('hex')}`
  const file = await open(part, 'wx', 0o600).catch((cause: unknown) => {
    const why = existsSync(dirname(path)) ? reasonOf(cause) : `the folder ${dirname(path)} does not exist`
    throw new WrongUse(`--output ${path}: cannot be made: ${why}`, { cause })
  })
  try {
    const result = await write({ write: (text) => file.writeFile(text), ended: () => false })
    await file.sync()
    await giveName(part, path)
    return result
  } finally {
    await file.close()
    await rm(part, { force: true })
  }
}

/** In the words of the operating system. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error && 'errno' in cause)) return String(cause)
  return getSystemErrorMessage(Number(cause.errno))
}

async function giveName(part: string, path: string): Promise<void> {
  try {
    await link(part, path)
  } catch {
    // Not every file system has links; a file of that name that has come meanwhile is told from that.
    if (existsSync(path)) throw there(path)
    await rename(part, path)
  }
}

function there(path: string): WrongUse {
  return new WrongUse(`--output ${path}: cannot be made: it is there already, and nothing is overwritten`)
}
