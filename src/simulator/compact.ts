import { refuseForeignCiphertext } from './ciphertext.ts'
import type { Engine } from './engine.ts'
import type { ModelEvent } from './events.ts'
import { newId } from './ids.ts'
import { asList, asObject, type JsonObject } from './json.ts'
import { checkCompact } from './parameters.ts'
import { JSON_BODY, taken, type Turn } from './turn.ts'
import { responsesUsage } from './usage.ts'

/** POST /v1/responses/compact: the user's messages, and one item that stands for all the rest. */
export async function compact(turn: Turn, engine: Engine): Promise<void> {
  const { body, key, fault, delivery } = turn
  checkCompact(body)
  refuseForeignCiphertext(body['input'], key.organization)
  const intake = await engine.take(body, key)
  const id = newId('resp')
  taken(turn, id, intake)
  const { tokens, ciphertext } = intake.speaker.compaction(body, key.organization)
  const usageStated = fault?.omitUsage !== true
  const usage = responsesUsage({ input: intake.inputTokens, cache: intake.cache, output: tokens, reasoning: 0 })
  const output = [
    ...userMessages(body),
    JSON.stringify({ id: newId('cmp'), type: 'compaction', encrypted_content: ciphertext }),
  ]
  const json = `{"id":"${id}","object":"response.compaction","created_at":${Math.floor(Date.now() / 1000)},"output":[${output.join(',')}]${usageStated ? `,"usage":${usage}` : ''}}`
  const done: ModelEvent = {
    type: 'body',
    json,
    outputTokens: tokens,
    reasoningTokens: 0,
    terminal: true,
    usageStated,
  }
  await delivery.unary({ headers: { ...turn.head(JSON_BODY), ...intake.headers }, events: [done] }, () => json)
}

function userMessages(body: JsonObject): string[] {
  return asList(body['input'])
    .map(asObject)
    .filter((item) => item?.['role'] === 'user')
    .map((item) => JSON.stringify({ id: newId('msg'), type: 'message', role: 'user', content: item?.['content'] }))
}
