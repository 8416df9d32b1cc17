import { refuseForeignCiphertext } from './ciphertext.ts'
import type { Engine } from './engine.ts'
import { Generation } from './events.ts'
import { newTurnState } from './head.ts'
import { newId } from './ids.ts'
import type { ReplyHeaders } from './outlet.ts'
import { checkResponses, echoOf } from './parameters.ts'
import { EVENT_STREAM, eventFrame, JSON_BODY, taken, type Turn } from './turn.ts'

/** POST /v1/responses, streamed or not. Throws an ApiError for what OpenAI refuses. */
export async function createResponse(turn: Turn, engine: Engine, withTurnState: boolean): Promise<void> {
  const { body, key, fault, delivery } = turn
  checkResponses(body)
  refuseForeignCiphertext(body['input'], key.organization)
  const intake = await engine.take(body, key)
  const id = newId('resp')
  const stated = taken(turn, id, intake)
  const generation = new Generation({
    ...stated,
    id,
    echo: echoOf(body),
    inputTokens: intake.inputTokens,
    cache: intake.cache,
    omitUsage: fault?.omitUsage === true,
  })
  const events = generation.events(intake.speaker.answer(body, key.organization), fault?.ending)
  const turnState: ReplyHeaders = withTurnState
    ? { 'x-codex-turn-state': turn.header('x-codex-turn-state') ?? newTurnState() }
    : {}
  const head = (contentType: string): ReplyHeaders => ({ ...turn.head(contentType), ...intake.headers, ...turnState })
  if (body['stream'] === true) await delivery.stream({ headers: head(EVENT_STREAM), events }, eventFrame)
  else await delivery.unary({ headers: head(JSON_BODY), events }, () => generation.response)
}
