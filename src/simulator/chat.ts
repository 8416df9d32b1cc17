import type { Engine, Intake } from './engine.ts'
import type { ModelEvent } from './events.ts'
import { SERVER_ERROR } from './events.ts'
import type { FaultEnding } from './faults.ts'
import { newId } from './ids.ts'
import { asObject } from './json.ts'
import type { ReplyHeaders } from './outlet.ts'
import { checkChat } from './parameters.ts'
import { textOf, tokensIn, type Piece } from './pieces.ts'
import { EVENT_STREAM, JSON_BODY, taken, type Turn } from './turn.ts'
import { chatUsage } from './usage.ts'

/** What the chunks of one chat completion have in common. */
interface Completion {
  readonly id: string
  readonly model: string
  readonly serviceTier: string
  readonly createdAt: number
  readonly pieces: readonly Piece[]
  /** The usage object as JSON, or undefined where a fault leaves it out. */
  usage(outputTokens: number): string | undefined
}

/** POST /v1/chat/completions, streamed or not. Throws an ApiError for what OpenAI refuses. */
export async function completeChat(turn: Turn, engine: Engine): Promise<void> {
  const { body, key, delivery } = turn
  checkChat(body)
  const intake = await engine.take(body, key)
  const completion = completionOf(turn, intake)
  const head = (contentType: string): ReplyHeaders => ({
    ...turn.head(contentType),
    ...intake.headers,
  })
  if (body['stream'] === true) {
    const withUsage = asObject(body['stream_options'])?.['include_usage'] === true
    const events = chunks(turn, completion, withUsage)
    await delivery.stream({ headers: head(EVENT_STREAM), events }, (event) => `data: ${event.json}\n\n`)
    return
  }
  const outputTokens = tokensIn(completion.pieces)
  const usage = completion.usage(outputTokens)
  const whole = event(wholeBody(completion, usage), { terminal: true, usageStated: usage !== undefined })
  const spent = { ...whole, outputTokens }
  await delivery.unary({ headers: head(JSON_BODY), events: [spent] }, () => whole.json)
}

function completionOf(turn: Turn, intake: Intake): Completion {
  const id = newId('chatcmpl').replace('_', '-')
  const stated = taken(turn, id, intake)
  const pieces = intake.speaker.inFormat(asObject(turn.body['response_format']))
  const { inputTokens: input, cache } = intake
  const usage = (output: number): string | undefined =>
    turn.fault?.omitUsage === true ? undefined : chatUsage({ input, cache, output, reasoning: 0 })
  return { ...stated, id, createdAt: Math.floor(Date.now() / 1000), pieces, usage }
}

function* chunks(turn: Turn, completion: Completion, withUsage: boolean): Generator<ModelEvent> {
  const ending = turn.fault?.ending
  let [sent, output] = [0, 0]
  for (const chunk of beforeTheEnd(completion, withUsage)) {
    if (sent === ending?.afterEvents) break
    yield chunk
    sent++
    output += chunk.outputTokens
  }
  if (ending !== undefined && ending.type !== 'response.incomplete') yield failure(ending)
  else
    yield* finish(completion, { reason: ending === undefined ? 'stop' : (ending.code ?? 'length'), withUsage, output })
}

/** An error inside a stream that began well; nothing comes after it. */
function failure({ code = 'server_error', message = SERVER_ERROR }: FaultEnding): ModelEvent {
  const error = { message, type: 'server_error', param: null, code }
  return { ...event(JSON.stringify({ error })), type: 'error', terminal: true, failed: true }
}

function* finish(
  completion: Completion,
  { reason, withUsage, output }: { reason: string; withUsage: boolean; output: number },
): Generator<ModelEvent> {
  yield event(chunk(completion, '{}', { reason, withUsage }))
  const usage = withUsage ? completion.usage(output) : undefined
  if (usage !== undefined) {
    yield event(`{${header(completion, 'chat.completion.chunk')},"choices":[],"usage":${usage}}`)
  }
  yield { ...event('[DONE]'), type: '[DONE]', terminal: true, usageStated: usage !== undefined }
}

function* beforeTheEnd(completion: Completion, withUsage: boolean): Generator<ModelEvent> {
  yield event(chunk(completion, '{"role":"assistant","content":"","refusal":null}', { withUsage }))
  for (const piece of completion.pieces) {
    const delta = chunk(completion, `{"content":${piece.json}}`, { withUsage, padding: piece.padding })
    yield { ...event(delta), outputTokens: piece.tokens }
  }
}

function chunk(
  completion: Completion,
  delta: string,
  { reason, withUsage, padding }: { reason?: string; withUsage: boolean; padding?: string },
): string {
  const finish = reason === undefined ? 'null' : `"${reason}"`
  const usage = withUsage ? ',"usage":null' : ''
  const obfuscation = padding === undefined ? '' : `,"obfuscation":"${padding}"`
  return `{${header(completion, 'chat.completion.chunk')},"choices":[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${finish}}]${usage}${obfuscation}}`
}

function wholeBody(completion: Completion, stated: string | undefined): string {
  const message = `{"role":"assistant","content":${JSON.stringify(textOf(completion.pieces))},"refusal":null,"annotations":[]}`
  const usage = stated === undefined ? '' : `,"usage":${stated}`
  return `{${header(completion, 'chat.completion')},"choices":[{"index":0,"message":${message},"logprobs":null,"finish_reason":"stop"}]${usage}}`
}

function header({ id, createdAt, model, serviceTier }: Completion, object: string): string {
  return `"id":"${id}","object":"${object}","created":${createdAt},"model":${JSON.stringify(model)},"service_tier":"${serviceTier}","system_fingerprint":null`
}

function event(json: string, more: { terminal?: boolean; usageStated?: boolean } = {}): ModelEvent {
  const { terminal = false, usageStated = false } = more
  return { type: 'chunk', json, outputTokens: 0, reasoningTokens: 0, terminal, usageStated }
}
