/** The thread that owns a connection: what arrives while a commit runs goes into the next one, together. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { openEngine, type Engine, type EngineOptions } from './engine.ts'
import { faultOf } from './fault.ts'
import { runGroup, type Answer, type Request } from './group.ts'

/** To the worker: requests to carry out, or the wish that it close. */
export type ToWorker = { readonly requests: readonly Request[] } | { readonly close: true }

/** From the worker: first how opening went, then answers. */
export type FromWorker =
  | { readonly warnings: readonly string[] }
  | { readonly refused: ReturnType<typeof faultOf> }
  /** With how often the ledger's memory was emptied until then. */
  | { readonly answers: readonly Answer[]; readonly forgotten: number }

/** A group is cut here, so that its first caller does not wait for too many others. */
const MOST_IN_GROUP = 256

/**
 * Pauses between checkpoints, while the ledger is written and while it is not. A commit beside a checkpoint waits for what the
 * disk is doing: often and little holds up fewer calls, and those for less long (bench:ledger), than seldom and much.
 */
const CHECKPOINT_MS = { busy: 30, idle: 250 } as const

const FOLD_FIRST_MS = 5_000
const FOLD_EVERY_MS = 60_000
const FOLD_STEP_MS = 25
const MOST_FOLDED = 4

const port = parentPort
if (!port) throw new Error('worker.ts runs as a worker thread only')

function post(message: FromWorker): void {
  port?.postMessage(message)
}

const options = workerData as EngineOptions
let engine: Engine | undefined
try {
  engine = openEngine(options)
  post({ warnings: engine.warnings })
} catch (cause) {
  post({ refused: faultOf(cause) })
}

if (engine) serve(engine)
if (engine && options.role === 'serve') foldNowAndThen(engine)
if (engine && options.role === 'background') keepCheckpointing(engine)

function serve(running: Engine): void {
  port?.on('message', (first: ToWorker) => {
    const waiting = arrived(first)
    for (let from = 0; from < waiting.requests.length; from += MOST_IN_GROUP) {
      const answers = runGroup(running, waiting.requests.slice(from, from + MOST_IN_GROUP))
      post({ answers, forgotten: running.memory.forgotten })
    }
    if (!waiting.close) return
    port?.close()
    running.close()
  })
}

/** A disk that fails here fails the writer too, which says so to those who wait. */
function keepCheckpointing(running: Engine): void {
  let timer: NodeJS.Timeout
  let before = 0
  const move = (): void => {
    let moved = before
    try {
      moved = running.db.checkpoint()
    } catch (cause) {
      if (faultOf(cause).kind !== 'unavailable') throw cause
    }
    timer = setTimeout(move, moved === before ? CHECKPOINT_MS.idle : CHECKPOINT_MS.busy)
    before = moved
  }
  timer = setTimeout(move, CHECKPOINT_MS.idle)
  port?.once('close', () => clearTimeout(timer))
}

/**
 * Brings the fresh sums to the others, every minute those that are there, and a few at a time, so that no call waits for
 * them long. A disk that fails here fails the calls too, which say so to those who wait.
 */
function foldNowAndThen(running: Engine): void {
  let timer: NodeJS.Timeout
  const fold = (): void => {
    const [answer] = runGroup(running, [{ id: 0, name: 'fold', input: [MOST_FOLDED], deadlineMs: Infinity }])
    const isAll = !answer || 'fault' in answer || answer.value !== MOST_FOLDED
    timer = setTimeout(fold, isAll ? FOLD_EVERY_MS : FOLD_STEP_MS)
  }
  timer = setTimeout(fold, FOLD_FIRST_MS)
  port?.once('close', () => clearTimeout(timer))
}

/** The first message and all that came behind it. */
function arrived(first: ToWorker): { requests: readonly Request[]; close: boolean } {
  const requests: Request[] = []
  let message: ToWorker | undefined = first
  while (message && port) {
    if ('close' in message) return { requests, close: true }
    requests.push(...message.requests)
    message = receiveMessageOnPort(port)?.message as ToWorker | undefined
  }
  return { requests, close: false }
}
