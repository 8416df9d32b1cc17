import { ApiError, asApiError } from './api-error.ts'
import type { Connection, Speaking } from './connection.ts'
import type { Mind } from './engine.ts'
import type { ModelEvent } from './events.ts'
import type { House } from './house.ts'
import { newId } from './ids.ts'
import { asObject, asText, type JsonObject } from './json.ts'
import {
  AUDIO_BYTES_PER_MS,
  audioTokens,
  RealtimeConversation,
  tokensOf,
  type Modal,
  type RealtimeInput,
} from './realtime-conversation.ts'
import { Ear, type Heard, type Listening } from './realtime-ear.ts'
import { RealtimeResponse, totalOf } from './realtime-response.ts'
import { RealtimeSession } from './realtime-session.ts'
import { activeAlready, objectIn, openTurn, refuseTurn, scriptedError, tell, type SocketTurn } from './socket-turn.ts'
import { transcribe } from './transcription.ts'
import { recordInput } from './truth.ts'

/** Less audio than this is not taken as something that was said. */
const SHORTEST_MS = 100

/** Who calls is listened to, without a word about it. */
const CALL = { audio: { input: { turn_detection: { type: 'server_vad' } } } }

type Handler = (frame: JsonObject, mind: Mind) => void

/**
 * The realtime API over WebSocket: a session that is told things, in writing or as audio, and answers when asked to, or
 * when it hears that somebody has spoken.
 */
export class RealtimeSocket implements Speaking {
  readonly #connection: Connection
  readonly #house: House
  readonly #model: string
  readonly #session: RealtimeSession
  readonly #conversation = new RealtimeConversation()
  readonly #handlers: Readonly<Record<string, Handler>> = {
    'session.update': (frame) => this.#update(frame),
    'conversation.item.create': (frame, mind) => this.#create(frame, mind),
    'input_audio_buffer.append': (frame, mind) => this.#append(frame, mind),
    'input_audio_buffer.commit': (_, mind) => this.#commit(mind),
    'input_audio_buffer.clear': () => this.#clear(),
    'response.create': (frame, mind) => this.#respond(frame, mind),
    'response.cancel': () => this.#cancel(),
  }
  readonly #ear = new Ear()
  #audioBytes = 0
  /** The item that speech which goes on will be. */
  #speech = ''
  #answered: Promise<void> = Promise.resolve()
  #running: { readonly turn: SocketTurn; readonly response: RealtimeResponse | undefined } | undefined
  /** Ends when every frame that came has been handled, one after the other. */
  #handled: Promise<void> = Promise.resolve()

  /** A session of its own, or, set up with `fields`, the one of a call over WebRTC. */
  constructor(connection: Connection, house: House, model: string, fields?: JsonObject) {
    this.#connection = connection
    this.#house = house
    this.#model = model
    this.#session = new RealtimeSession(model)
    if (fields !== undefined) this.#session.update(CALL)
    this.#session.update({ ...fields, model })
    this.#say('session.created', { session: this.#session.config })
  }

  receive(text: string | undefined): void {
    this.#handled = this.#handled.then(() => this.#handle(text))
  }

  expire(): void {
    const expired = new ApiError(400, 'Your session hit the maximum duration of 60 minutes.', {
      code: 'session_expired',
    })
    const frame = errorEvent({ ...expired.error() }, undefined)
    if (this.#running === undefined) this.#connection.send(frame)
    else this.#running.turn.outlet.interrupt(frame)
    this.#connection.close(1000)
  }

  async #handle(text: string | undefined): Promise<void> {
    let frame: JsonObject | undefined
    try {
      frame = objectIn(text)
      const type = asText(frame['type']) ?? ''
      const handler = Object.hasOwn(this.#handlers, type) ? this.#handlers[type] : undefined
      if (handler === undefined) throw unknownType(frame['type'], Object.keys(this.#handlers))
      handler(frame, await this.#house.engine.mind())
    } catch (cause) {
      this.#connection.send(errorEvent({ ...asApiError(cause).error() }, frame))
    }
  }

  #update(frame: JsonObject): void {
    const fields = asObject(frame['session'])
    if (fields === undefined) throw missing('session')
    this.#session.update(fields)
    this.#say('session.updated', { session: this.#session.config })
  }

  #create(frame: JsonObject, { tokenizer }: Mind): void {
    const given = asObject(frame['item'])
    if (given === undefined) throw missing('item')
    const item = { id: newId('item'), object: 'realtime.item', status: 'completed', ...given }
    this.#add(item, tokensOf(given, tokenizer))
  }

  #append(frame: JsonObject, mind: Mind): void {
    const audio = asText(frame['audio'])
    if (audio === undefined) throw missing('audio')
    const bytes = Buffer.from(audio, 'base64')
    this.#audioBytes += bytes.length
    const { listening } = this.#session
    if (listening === undefined) return this.#ear.skip(bytes.length)
    for (const heard of this.#ear.hear(bytes, listening)) this.#hear(heard, listening, mind)
  }

  #hear(heard: Heard, { answers, yields }: Listening, mind: Mind): void {
    if (heard.speech === 'started') {
      this.#speech = newId('item')
      this.#say('input_audio_buffer.speech_started', { audio_start_ms: heard.atMs, item_id: this.#speech })
      if (yields) this.#running?.response?.cancel('turn_detected')
      return
    }
    this.#say('input_audio_buffer.speech_stopped', { audio_end_ms: heard.atMs, item_id: this.#speech })
    this.#take(this.#speech, heard.bytes, mind)
    if (answers) void this.#respondWhenFree(mind)
  }

  #commit(mind: Mind): void {
    const [bytes, ms] = [this.#audioBytes, this.#audioBytes / AUDIO_BYTES_PER_MS]
    if (ms < SHORTEST_MS) {
      throw new ApiError(
        400,
        `Error committing input audio buffer: buffer too small. Expected at least ${SHORTEST_MS}ms of audio, but buffer only has ${ms.toFixed(2)}ms of audio.`,
        { code: 'input_audio_buffer_commit_empty' },
      )
    }
    this.#ear.forget()
    this.#take(newId('item'), bytes, mind)
  }

  /** Makes an item of so much audio. */
  #take(id: string, bytes: number, mind: Mind): void {
    this.#audioBytes = 0
    const [ms, content] = [bytes / AUDIO_BYTES_PER_MS, [{ type: 'input_audio', transcript: null }]]
    this.#say('input_audio_buffer.committed', { previous_item_id: this.#conversation.last, item_id: id })
    const item = { id, object: 'realtime.item', type: 'message', status: 'completed', role: 'user', content }
    this.#add(item, { text: 0, audio: audioTokens(bytes), image: 0 })
    const model = this.#session.transcriptionModel
    if (model === undefined) return
    const turn = openTurn(this.#connection, this.#house, model, false)
    void transcribe(turn, { itemId: id, ms, unit: this.#house.settings.transcriptionUsage }, mind.tokenizer)
  }

  #clear(): void {
    this.#audioBytes = 0
    this.#ear.forget()
    this.#say('input_audio_buffer.cleared', {})
  }

  #respond(frame: JsonObject, mind: Mind): void {
    if (this.#running !== undefined) throw activeAlready(this.#running.response?.id)
    this.#begin(frame, mind)
  }

  /** Unasked: behind the answer that runs. */
  async #respondWhenFree(mind: Mind): Promise<void> {
    while (this.#running !== undefined) await this.#answered
    if (this.#connection.open) this.#begin({}, mind)
  }

  #begin(frame: JsonObject, mind: Mind): void {
    const turn = openTurn(this.#connection, this.#house, this.#model)
    this.#running = { turn, response: undefined }
    this.#answered = this.#answer(turn, frame, mind).finally(() => (this.#running = undefined))
  }

  async #answer(turn: SocketTurn, frame: JsonObject, mind: Mind): Promise<void> {
    const { fault } = turn
    if (fault?.status !== undefined) {
      await refuseTurn(turn, fault.status, errorEvent(scriptedError(fault), frame))
      return
    }
    const own = asObject(frame['response']) ?? {}
    const { instructions, ...style } = this.#session.forResponse(own)
    const input = this.#conversation.read(instructions, mind.tokenizer)
    try {
      this.#house.engine.admit(this.#connection.facts.key, this.#model, totalOf(input.all))
    } catch (cause) {
      const error = asApiError(cause)
      await refuseTurn(turn, error.status, errorEvent({ ...error.error() }, frame))
      return
    }
    const response = new RealtimeResponse({
      ...style,
      conversation: this.#conversation.id,
      previousItem: this.#conversation.last,
      metadata: own['metadata'],
      pieces: mind.speaker.inFormat(undefined),
      input,
      omitUsage: fault?.omitUsage === true,
      ending: fault?.ending,
    })
    this.#running = { turn, response }
    recordRealtime(turn, response.id, input)
    await tell(turn, this.#heard(response))
  }

  /** What the answer says becomes a part of the conversation before the client has all of it. */
  *#heard(response: RealtimeResponse): Generator<ModelEvent> {
    for (const event of response.events()) {
      if (event.type === 'response.done') this.#conversation.add(response.itemId, response.tokens)
      yield event
    }
  }

  #cancel(): void {
    if (this.#running?.response === undefined) {
      throw new ApiError(400, 'Cancellation failed: no active response found.', { code: 'response_cancel_not_active' })
    }
    this.#running.response.cancel('client_cancelled')
  }

  #add(item: JsonObject & { readonly id: string }, tokens: Modal): void {
    const previous_item_id = this.#conversation.last
    this.#conversation.add(item.id, tokens)
    this.#say('conversation.item.added', { previous_item_id, item })
    this.#say('conversation.item.done', { previous_item_id, item })
  }

  #say(type: string, fields: JsonObject): void {
    this.#connection.send(JSON.stringify({ type, event_id: newId('event'), ...fields }))
  }
}

/** Writes down that the model has read this much for a response. */
function recordRealtime({ record }: SocketTurn, id: string, { all, cached }: RealtimeInput): void {
  record.id = id
  record.realtime = {
    inputText: all.text,
    inputAudio: all.audio,
    inputImage: all.image,
    cachedText: cached.text,
    cachedAudio: cached.audio,
    cachedImage: cached.image,
    outputText: 0,
    outputAudio: 0,
    seconds: 0,
  }
  recordInput(record, totalOf(all), { cached: totalOf(cached), written: 0 })
}

/** The realtime API's way to say what is wrong with a frame. */
function errorEvent(error: JsonObject, frame: JsonObject | undefined): string {
  const event_id = asText(frame?.['event_id']) ?? null
  return JSON.stringify({ type: 'error', event_id: newId('event'), error: { ...error, event_id } })
}

function unknownType(type: unknown, known: readonly string[]): ApiError {
  if (type === undefined) return missing('type')
  const values = known.map((name) => `'${name}'`).join(', ')
  return new ApiError(400, `Invalid value: ${JSON.stringify(type)}. Supported values are: ${values}.`, {
    param: 'type',
    code: 'invalid_value',
  })
}

function missing(param: string): ApiError {
  return new ApiError(400, `Missing required parameter: '${param}'.`, { param, code: 'missing_required_parameter' })
}
