import { ApiError } from './api-error.ts'
import type { Connection } from './connection.ts'
import { Delivery } from './delivery.ts'
import { SERVER_ERROR, type ModelEvent } from './events.ts'
import type { Fault } from './faults.ts'
import { FrameOutlet } from './frame-outlet.ts'
import type { House } from './house.ts'
import { asObject, type JsonObject } from './json.ts'
import type { CallRecord } from './truth.ts'

/** A client's frame. Throws OpenAI's 400 for a binary one (undefined), and for what is no JSON object. */
export function objectIn(text: string | undefined): JsonObject {
  if (text === undefined) throw new ApiError(400, 'Binary messages are not supported: send JSON as text.')
  let frame: unknown
  try {
    frame = JSON.parse(text)
  } catch {
    // Not JSON, which is said below.
  }
  const object = asObject(frame)
  if (object !== undefined) return object
  throw new ApiError(400, 'We could not parse the message: it is not a JSON object.', { code: 'invalid_json' })
}

/** The refusal of a second response beside one that runs, in the words of the realtime API. */
export function activeAlready(id: string | undefined): ApiError {
  return new ApiError(
    400,
    `Conversation already has an active response in progress: ${id}. Wait until the response is finished before creating a new one.`,
    { code: 'conversation_already_has_active_response' },
  )
}

/** One turn over WebSocket, from the frame that asks for it to its last one. */
export interface SocketTurn {
  readonly record: CallRecord
  readonly fault: Fault | undefined
  readonly outlet: FrameOutlet
  readonly delivery: Delivery
}

/** Opens a turn: writes it down and, unless told otherwise, has it meet its fault. */
export function openTurn(
  connection: Connection,
  { settings, controlled, pace }: House,
  model: string | undefined,
  scripted: boolean = true,
): SocketTurn {
  const { request, path, key, requestId } = connection.facts
  const { rawHeaders } = request
  const record = controlled.truth.open({ requestId, path, rawHeaders, transport: 'ws', connection: connection.number })
  const { name, organization, project } = key
  Object.assign(record, { key: name, organization, project, model, stream: true })
  const fault = scripted ? controlled.faults.meet({ path, model, key: name, on: 'turn' }) : undefined
  const outlet = new FrameOutlet({ connection, record, fault, pace })
  const delivery = new Delivery(outlet, record, { pace, settings, fault })
  return { record, fault, outlet, delivery }
}

/** Sends the events of an answer, one text frame each. */
export function tell(turn: SocketTurn, events: Iterable<ModelEvent>): Promise<void> {
  return turn.delivery.stream({ headers: {}, events }, (event) => event.json)
}

/** Answers a turn with an error frame of this status. */
export function refuseTurn(turn: SocketTurn, status: number, frame: string): Promise<void> {
  const event: ModelEvent = {
    type: 'error',
    json: frame,
    outputTokens: 0,
    reasoningTokens: 0,
    terminal: true,
    usageStated: false,
  }
  return turn.delivery.stream({ status, headers: {}, events: [event] }, () => frame)
}

/** The error frame that a fault with a status stands for. */
export function scriptedFrame(fault: Fault): string {
  const { status, body, headers } = fault
  return JSON.stringify({
    type: 'error',
    status,
    error: scriptedError(fault),
    ...asObject(body),
    headers: flat(headers),
  })
}

/** The error object of a fault with a status: what its body has, else a server error with the body for a message. */
export function scriptedError({ body }: Fault): JsonObject {
  const message = typeof body === 'string' ? body : SERVER_ERROR
  return asObject(asObject(body)?.['error']) ?? { message, type: 'server_error', param: null, code: null }
}

/** A frame's headers have one text each. */
function flat(headers: Fault['headers']): Readonly<Record<string, string>> | undefined {
  if (headers === undefined) return undefined
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat().join(', ')]))
}
