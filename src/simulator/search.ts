import { ApiError } from './api-error.ts'
import { encryptFor, refuseForeignCiphertext } from './ciphertext.ts'
import type { Engine } from './engine.ts'
import { asList, asObject, asText, type JsonObject } from './json.ts'
import { JSON_BODY, type Turn } from './turn.ts'

/**
 * POST /v1/alpha/search, as Codex uses it: no model runs, and no usage is stated. What was found comes twice, as text and,
 * where the simulator is set to it, as ciphertext that only this organization can hand in again.
 */
export async function search(turn: Turn, engine: Engine, encrypted: boolean): Promise<void> {
  const { body, key, delivery } = turn
  const model = asText(body['model'])
  if (model === undefined) throw missing('model')
  engine.shelf.find(model, key)
  refuseForeignCiphertext(body['input'], key.organization)
  const output = queriesOf(body).map(
    (query) => `Nothing new about ${JSON.stringify(query)}: the simulator knows no web.`,
  )
  if (output.length === 0) throw missing('commands.search_query')
  const text = output.join('\n')
  const encrypted_output = encrypted ? encryptFor(key.organization, text) : null
  await delivery.body(
    200,
    { ...turn.head(JSON_BODY), ...engine.limitHeaders(key) },
    JSON.stringify({ output: text, encrypted_output }),
  )
}

function queriesOf(body: JsonObject): readonly string[] {
  const asked = asList(asObject(body['commands'])?.['search_query'])
  return asked.map((one) => asText(asObject(one)?.['q'])).filter((query) => query !== undefined)
}

function missing(param: string): ApiError {
  return new ApiError(400, `Missing required parameter: '${param}'.`, { param, code: 'missing_required_parameter' })
}
