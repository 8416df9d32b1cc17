import { refuseForeignCiphertext } from './ciphertext.ts'
import type { Engine, Intake } from './engine.ts'
import { Generation } from './events.ts'
import { newTurnState } from './head.ts'
import { newId } from './ids.ts'
import type { ReplyHeaders } from './outlet.ts'
import { checkResponses, echoOf, refusePrevious } from './parameters.ts'
import { EVENT_STREAM, eventFrame, JSON_BODY, taken, type ModelCall, type Turn } from './turn.ts'

/** A generation that may start, and how the model took its request up. */
export interface Begun {
  readonly generation: Generation
  readonly intake: Intake
}

/** Has a model take a checked body of /responses up. Throws an ApiError when it may not. */
export async function beginGeneration(call: ModelCall, engine: Engine): Promise<Begun> {
  const { body, key, fault } = call
  const intake = await engine.take(body, key)
  const id = newId('resp')
  const generation = new Generation({
    ...taken(call, id, intake),
    id,
    echo: echoOf(body),
    inputTokens: intake.inputTokens,
    cache: intake.cache,
    omitUsage: fault?.omitUsage === true,
  })
  return { generation, intake }
}

/** POST /v1/responses, streamed or not. Throws an ApiError for what OpenAI refuses. */
export async function createResponse(turn: Turn, engine: Engine, withTurnState: boolean): Promise<void> {
  const { body, key, fault, delivery } = turn
  checkResponses(body)
  refusePrevious(body)
  refuseForeignCiphertext(body['input'], key.organization)
  const { generation, intake } = await beginGeneration(turn, engine)
  const events = generation.events(intake.speaker.answer(body, key.organization), fault?.ending)
  const turnState: ReplyHeaders = withTurnState
    ? { 'x-codex-turn-state': turn.header('x-codex-turn-state') ?? newTurnState() }
    : {}
  const head = (contentType: string): ReplyHeaders => ({ ...turn.head(contentType), ...intake.headers, ...turnState })
  if (body['stream'] === true) await delivery.stream({ headers: head(EVENT_STREAM), events }, eventFrame)
  else await delivery.unary({ headers: head(JSON_BODY), events }, () => generation.response)
}
