import { ApiError } from './api-error.ts'
import { asObject, asText, type JsonObject } from './json.ts'

/** What POST /v1/responses takes (API reference), and client_metadata, which Codex sends. */
const RESPONSES = new Set(
  'background client_metadata context_management conversation include input instructions max_output_tokens max_tool_calls metadata model moderation parallel_tool_calls previous_response_id prompt prompt_cache_key prompt_cache_options prompt_cache_retention reasoning safety_identifier service_tier store stream stream_options temperature text tool_choice tools top_logprobs top_p truncation user'.split(
    ' ',
  ),
)

const COMPACT = new Set(
  'client_metadata input instructions model parallel_tool_calls previous_response_id prompt_cache_key prompt_cache_retention reasoning service_tier text tools'.split(
    ' ',
  ),
)

/** Refuses what OpenAI refuses in a body of /responses, in its words. Throws an ApiError. */
export function checkResponses(body: JsonObject): void {
  refuseUnknown(body, RESPONSES)
  requireInput(body)
  if (body['background'] === true) {
    throw new ApiError(400, "Unsupported parameter: 'background' is not supported by this server.", {
      param: 'background',
      code: 'unsupported_parameter',
    })
  }
  for (const option of Object.keys(asObject(body['stream_options']) ?? {})) {
    if (option !== 'include_obfuscation') refuseParameter(`stream_options.${option}`)
  }
}

/** The same for /responses/compact. */
export function checkCompact(body: JsonObject): void {
  refuseUnknown(body, COMPACT)
  requireInput(body)
  refusePrevious(body)
}

/** The same for /chat/completions, of which only what matters here is checked. */
export function checkChat(body: JsonObject): void {
  if (!Array.isArray(body['messages'])) missing('messages')
  if (asObject(body['stream_options']) === undefined || body['stream'] === true) return
  throw new ApiError(400, "The 'stream_options' parameter is only allowed when 'stream' is enabled.", {
    param: 'stream_options',
  })
}

/** The request's fields that a response object repeats, with the API's defaults for those that are absent. */
const ECHO = {
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  parallel_tool_calls: true,
  previous_response_id: null,
  prompt_cache_key: null,
  prompt_cache_retention: null,
  reasoning: { effort: 'medium', summary: null },
  safety_identifier: null,
  store: true,
  temperature: 1,
  text: { format: { type: 'text' }, verbosity: 'medium' },
  tool_choice: 'auto',
  tools: [],
  top_logprobs: 0,
  top_p: 1,
  truncation: 'disabled',
  user: null,
  metadata: {},
}

/** Those fields as JSON, without the braces around them. */
export function echoOf(body: JsonObject): string {
  const echo = Object.entries(ECHO).map(([name, otherwise]) => {
    const given = body[name]
    const defaults = asObject(otherwise)
    return [name, defaults === undefined ? (given ?? otherwise) : { ...defaults, ...asObject(given) }]
  })
  return JSON.stringify(Object.fromEntries(echo)).slice(1, -1)
}

function refuseUnknown(body: JsonObject, known: ReadonlySet<string>): void {
  const unknown = Object.keys(body).find((name) => !known.has(name))
  if (unknown !== undefined) refuseParameter(unknown)
}

function requireInput(body: JsonObject): void {
  const input = body['input']
  if (input === undefined || input === null) missing('input')
  if (typeof input === 'string' || Array.isArray(input)) return
  throw new ApiError(400, "Invalid type for 'input': expected one of a list of input items or a string.", {
    param: 'input',
    code: 'invalid_type',
  })
}

/** Nothing is stored here, so over HTTP there is no earlier response that could be found. */
export function refusePrevious(body: JsonObject): void {
  const previous = asText(body['previous_response_id'])
  if (previous !== undefined) throw previousNotFound(previous)
}

/** OpenAI's words for an earlier response that it does not have. */
export function previousNotFound(previous: string): ApiError {
  return new ApiError(400, `Previous response with id '${previous}' not found.`, {
    param: 'previous_response_id',
    code: 'previous_response_not_found',
  })
}

function refuseParameter(name: string): never {
  throw new ApiError(400, `Unknown parameter: '${name}'.`, { param: name, code: 'unknown_parameter' })
}

function missing(name: string): never {
  throw new ApiError(400, `Missing required parameter: '${name}'.`, {
    param: name,
    code: 'missing_required_parameter',
  })
}
