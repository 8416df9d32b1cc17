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
  | { readonly answers: readonly Answer[] }

/** A group is cut here, so that its first caller does not wait for too many others. */
const MOST_IN_GROUP = 256

const port = parentPort
if (!port) throw new Error('worker.ts runs as a worker thread only')

function post(message: FromWorker): void {
  port?.postMessage(message)
}

let engine: Engine | undefined
try {
  engine = openEngine(workerData as EngineOptions)
  post({ warnings: engine.warnings })
} catch (cause) {
  post({ refused: faultOf(cause) })
}

if (engine) serve(engine)

function serve(running: Engine): void {
  port?.on('message', (first: ToWorker) => {
    const waiting = arrived(first)
    for (let from = 0; from < waiting.requests.length; from += MOST_IN_GROUP) {
      post({ answers: runGroup(running.db, running.operations, waiting.requests.slice(from, from + MOST_IN_GROUP)) })
    }
    if (!waiting.close) return
    running.close()
    port?.close()
  })
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
