import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ConnectionBook } from './connection-book.ts'
import { checkFault, type Fault, type FaultScript } from './faults.ts'
import type { ReceivedRequest, RequestBook } from './received.ts'
import { readBody } from './request-body.ts'
import type { TruthBook } from './truth.ts'

/** What the control endpoints show and change. */
export interface Controlled {
  readonly truth: TruthBook
  readonly connections: ConnectionBook
  readonly faults: FaultScript
  readonly requests: RequestBook
  openConnections(): number
}

/** Answers `/simulator/…`, where tests and people look behind the scenes. */
export async function control(
  request: IncomingMessage,
  response: ServerResponse,
  controlled: Controlled,
): Promise<void> {
  const path = new URL(request.url ?? '/', 'http://simulator').pathname
  const action = ACTIONS[`${request.method} ${path}`]
  try {
    if (action === undefined) {
      send(response, 404, {
        error: `there is no ${request.method} ${path}; there are ${Object.keys(ACTIONS).join(', ')}`,
      })
      return
    }
    const body = request.method === 'POST' ? (await readBody(request)).toString('utf8') : ''
    send(response, 200, action(controlled, body))
  } catch (cause) {
    send(response, 400, { error: cause instanceof Error ? cause.message : String(cause) })
  }
}

const ACTIONS: Readonly<Record<string, (controlled: Controlled, body: string) => unknown>> = {
  'GET /simulator/truth': ({ truth }) => truth.calls(),
  'DELETE /simulator/truth': ({ truth, requests, connections }) => {
    for (const book of [truth, requests, connections]) book.clear()
    return {}
  },
  'POST /simulator/faults': ({ faults }, body) => {
    const added = faultsIn(body)
    for (const fault of added) faults.add(fault)
    return { added: added.length }
  },
  'DELETE /simulator/faults': ({ faults }) => {
    faults.clear()
    return {}
  },
  'GET /simulator/connections': (controlled) => ({ open: controlled.openConnections() }),
  'GET /simulator/requests': ({ requests }) => requests.all().map(shown),
  'GET /simulator/web-sockets': ({ connections }) => connections.connections(),
  'GET /simulator/frames': ({ connections }) => connections.frames(),
}

/** One fault or a list: all are good, or none is added. */
function faultsIn(body: string): readonly Fault[] {
  const value: unknown = JSON.parse(body)
  return (Array.isArray(value) ? value : [value]).map(checkFault)
}

function shown(request: ReceivedRequest): Omit<ReceivedRequest, 'body'> & { readonly body: string } {
  return { ...request, body: request.body.toString('base64') }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
