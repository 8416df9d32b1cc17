import { asList, asObject, asText, type JsonObject } from './json.ts'

/**
 * The texts that a model would read, in their order: what is counted, and what the prompt cache compares.
 *
 * Takes a body of /responses, /responses/compact or /chat/completions.
 */
export function promptOf(body: JsonObject): readonly string[] {
  const prompt: string[] = []
  if (body['tools'] !== undefined) prompt.push(...asList(body['tools']).map((tool) => JSON.stringify(tool)))
  const instructions = asText(body['instructions'])
  if (instructions !== undefined) prompt.push(instructions)
  const input = body['input'] ?? body['messages']
  if (typeof input === 'string') prompt.push(`user\n${input}`)
  for (const item of asList(input)) prompt.push(textOfItem(item))
  return prompt
}

function textOfItem(item: unknown): string {
  const fields = asObject(item)
  if (fields === undefined) return JSON.stringify(item)
  const role = asText(fields['role'])
  if (role === undefined || fields['tools'] !== undefined) return JSON.stringify(fields)
  const content = fields['content']
  const parts = typeof content === 'string' ? [content] : asList(content).map(textOfPart)
  return `${role}\n${parts.join('\n')}`
}

/** What an image costs depends on its size in pixels; here each costs the same few tokens. */
function textOfPart(part: unknown): string {
  const fields = asObject(part)
  const text = asText(fields?.['text'])
  if (text !== undefined) return text
  return `[${asText(fields?.['type']) ?? 'part'}]`
}
