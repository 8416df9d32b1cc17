import { ApiError, asApiError } from './api-error.ts'
import { refuseForeignCiphertext } from './ciphertext.ts'
import type { Connection, Speaking } from './connection.ts'
import type { ModelEvent } from './events.ts'
import { newTurnState } from './head.ts'
import type { House } from './house.ts'
import { asList, asObject, asText, type JsonObject } from './json.ts'
import { checkResponses, previousNotFound } from './parameters.ts'
import { beginGeneration, type Begun } from './responses.ts'
import { activeAlready, objectIn, openTurn, refuseTurn, scriptedFrame, tell, type SocketTurn } from './socket-turn.ts'

/** Codex of some versions says it when it has read a response; there is no answer to it. */
const UNANSWERED = ['response.processed']

/** How responses end that can be continued from. */
const CONTINUABLE = ['response.completed', 'response.incomplete']

/** A body whose input is the whole conversation. */
type Continued = JsonObject & { readonly input: readonly unknown[] }

/**
 * The Responses API over WebSocket (OpenAI's guide "WebSocket mode"): one turn at a time, each continuing
 * from any response that was made on this very connection, or from none.
 */
export class ResponsesSocket implements Speaking {
  readonly #connection: Connection
  readonly #house: House
  /** The whole conversation of each response, its own output at the end. */
  readonly #made = new Map<string, readonly unknown[]>()
  #running: SocketTurn | undefined

  constructor(connection: Connection, house: House) {
    this.#connection = connection
    this.#house = house
  }

  receive(text: string | undefined): void {
    try {
      const frame = frameIn(text)
      if (!UNANSWERED.includes(String(frame['type']))) void this.#take(frame)
    } catch (cause) {
      this.#connection.send(asApiError(cause).frame())
    }
  }

  /** In the words of the guide. A turn that runs ends with it. */
  expire(): void {
    const limit = new ApiError(
      400,
      'Responses websocket connection limit reached (60 minutes). Create a new websocket connection to continue.',
      { code: 'websocket_connection_limit_reached' },
    )
    if (this.#running === undefined) this.#connection.send(limit.frame())
    else this.#running.outlet.interrupt(limit.frame())
    this.#connection.close(1000)
  }

  async #take(frame: JsonObject): Promise<void> {
    const busy = this.#running !== undefined
    const turn = openTurn(this.#connection, this.#house, asText(frame['model']), !busy)
    turn.record.warmUp = frame['generate'] === false
    if (busy) {
      await refuseTurn(turn, 400, activeAlready(this.#running?.record.id).frame())
      return
    }
    this.#running = turn
    try {
      if (turn.fault?.status === undefined) await this.#respond(turn, frame)
      else await refuseTurn(turn, turn.fault.status, scriptedFrame(turn.fault))
    } catch (cause) {
      const error = asApiError(cause)
      await refuseTurn(turn, error.status, error.frame())
    } finally {
      this.#running = undefined
      if (!this.#made.has(turn.record.id)) this.#forget(frame)
    }
  }

  async #respond(turn: SocketTurn, frame: JsonObject): Promise<void> {
    const { key } = this.#connection.facts
    const given = bodyOf(frame)
    checkResponses(given)
    refuseForeignCiphertext(given['input'], key.organization)
    const input = [...this.#historyOf(given), ...itemsOf(given['input'])]
    const body = { ...given, input }
    const begun = await beginGeneration({ ...turn, key, body }, this.#house.engine)
    await tell(turn, this.#events(turn, begun, body))
  }

  *#events(turn: SocketTurn, { generation, intake }: Begun, body: Continued): Generator<ModelEvent> {
    const { record, fault } = turn
    const { settings } = this.#house
    if (settings.wsRateLimits) yield besides('codex.rate_limits', RATE_LIMITS)
    if (settings.turnState) yield besides('response.metadata', turnStateOf(body))
    const { organization } = this.#connection.facts.key
    const events = record.warmUp
      ? generation.warmUp(fault?.ending)
      : generation.events(intake.speaker.answer(body, organization), fault?.ending)
    for (const event of events) {
      // Before it is sent: the client may go on as soon as it has read it.
      if (CONTINUABLE.includes(event.type)) this.#made.set(record.id, [...body.input, ...generation.output])
      yield event
    }
  }

  #historyOf(body: JsonObject): readonly unknown[] {
    const previous = asText(body['previous_response_id'])
    if (previous === undefined) return []
    const history = this.#made.get(previous)
    if (history === undefined) throw previousNotFound(previous)
    return history
  }

  /** What a turn that failed was to continue from cannot be continued from any more, says the guide. */
  #forget(frame: JsonObject): void {
    this.#made.delete(asText(frame['previous_response_id']) ?? '')
  }
}

/** Reads a client's frame. Throws an ApiError for anything but a `response.create` or what needs no answer. */
function frameIn(text: string | undefined): JsonObject {
  const frame = objectIn(text)
  const type = frame['type']
  if (type === 'response.create' || UNANSWERED.includes(String(type))) return frame
  if (type === undefined) {
    throw new ApiError(400, "Missing required parameter: 'type'.", {
      param: 'type',
      code: 'missing_required_parameter',
    })
  }
  throw new ApiError(400, `Invalid value: ${JSON.stringify(type)}. Supported values are: 'response.create'.`, {
    param: 'type',
    code: 'invalid_value',
  })
}

/** The fields that the body of an HTTP request would have had. */
function bodyOf(frame: JsonObject): JsonObject {
  const { type: _, generate, ...body } = frame
  if (generate === undefined || typeof generate === 'boolean') return body
  throw new ApiError(400, "Invalid type for 'generate': expected a boolean.", {
    param: 'generate',
    code: 'invalid_type',
  })
}

/** An input as the items that it stands for. */
function itemsOf(input: unknown): readonly unknown[] {
  return typeof input === 'string' ? [{ type: 'message', role: 'user', content: input }] : asList(input)
}

const RATE_LIMITS = {
  plan_type: 'team',
  rate_limits: {
    primary: { used_percent: 12, window_minutes: 300, reset_at: 4_102_444_800 },
    secondary: { used_percent: 34, window_minutes: 10_080, reset_at: 4_102_444_800 },
  },
  credits: { has_credits: true, unlimited: false, balance: '5' },
  metered_limit_name: 'codex',
}

function turnStateOf(body: JsonObject): JsonObject {
  const given = asText(asObject(body['client_metadata'])?.['x-codex-turn-state'])
  return { headers: { 'x-codex-turn-state': given ?? newTurnState() } }
}

/** An event that is not part of the response. */
function besides(type: string, fields: JsonObject): ModelEvent {
  const json = JSON.stringify({ type, ...fields })
  return { type, json, outputTokens: 0, reasoningTokens: 0, terminal: false, usageStated: false }
}
