/**
 * The least that a ledger of this kind costs, to compare with: a row written when a call is opened and filled in when it is
 * settled, durable by the same SQLite settings, committed in a thread of its own by whatever has arrived. It judges nothing, sums
 * up nothing, and its only index is that of the calls' ids.
 */
import { DatabaseSync } from 'node:sqlite'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { Entry, OpenCall, Verdict } from '../src/ports.ts'
import type { CallLedger } from './ledger-cost.ts'

type Request =
  | { readonly id: number; readonly call: OpenCall }
  | { readonly id: number; readonly entry: Entry; readonly seq: bigint }

interface Answer {
  readonly id: number
  readonly seq: bigint
}

export interface BareLedger extends AsyncDisposable {
  readonly ledger: CallLedger
}

export function openBareLedger(path: string): BareLedger {
  const worker = new Worker(new URL(import.meta.url), { workerData: { path } })
  const waiting = new Map<number, (seq: bigint) => void>()
  const open = new Map<string, bigint>()
  let outbox: Request[] = []
  let asked = 0
  worker.on('message', (answers: readonly Answer[]) => {
    for (const { id, seq } of answers) {
      waiting.get(id)?.(seq)
      waiting.delete(id)
    }
  })
  const ask = (make: (id: number) => Request): Promise<bigint> => {
    if (outbox.length === 0) {
      setImmediate(() => {
        worker.postMessage(outbox)
        outbox = []
      })
    }
    const id = ++asked
    outbox.push(make(id))
    return new Promise((resolve) => waiting.set(id, resolve))
  }
  const ledger: CallLedger = {
    async open(call): Promise<Verdict> {
      open.set(call.id, await ask((id) => ({ id, call })))
      return { state: 'admitted', at: call.startedAt, standing: { windows: [] } }
    },
    async settle(entry) {
      const seq = open.get(entry.call) ?? 0n
      open.delete(entry.call)
      await ask((id) => ({ id, entry, seq }))
      return { windows: [] }
    },
  }
  return { ledger, [Symbol.asyncDispose]: async () => void (await worker.terminate()) }
}

function serve(path: string): void {
  const db = new DatabaseSync(path, { readBigInts: true })
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE calls (
      seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, member INTEGER, kind TEXT, model TEXT, thread TEXT, turn TEXT,
      started_at INTEGER, hold INTEGER, ended_at INTEGER, ending TEXT, request TEXT, response TEXT, upstream INTEGER,
      input INTEGER, cached INTEGER, output INTEGER, credits INTEGER) STRICT`)
  const insert = db.prepare(`
    INSERT INTO calls (id, member, kind, model, thread, turn, started_at, hold) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`)
  const update = db.prepare(`
    UPDATE calls SET ended_at = ?, ending = ?, request = ?, response = ?, upstream = ?, input = ?, cached = ?, output = ?,
      credits = ? WHERE seq = ?`)
  const write = (call: OpenCall): bigint => {
    const { id, member, kind, model = null, threadId = null, turnId = null, startedAt, hold } = call
    return BigInt(insert.run(id, member, kind, model, threadId, turnId, startedAt, hold).lastInsertRowid)
  }
  const fillIn = (seq: bigint, entry: Entry): void => {
    const { endedAt, ending, requestId, responseId = null, upstream = null, usage, credits } = entry
    const { inputTokens, cachedInputTokens, outputTokens } = usage
    const tokens = [inputTokens, cachedInputTokens, outputTokens]
    update.run(endedAt, ending, requestId, responseId, upstream, ...tokens, credits, seq)
  }
  parentPort?.on('message', (requests: readonly Request[]) => {
    db.exec('BEGIN IMMEDIATE')
    const answers = requests.map((request): Answer => {
      const { id } = request
      if ('call' in request) return { id, seq: write(request.call) }
      fillIn(request.seq, request.entry)
      return { id, seq: request.seq }
    })
    db.exec('COMMIT')
    parentPort?.postMessage(answers)
  })
}

if (!isMainThread) serve((workerData as { readonly path: string }).path)
