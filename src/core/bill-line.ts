const LINE =
  /^(?:[\w-]+ \| )?([\w.:-]+)(?: (?:text|audio|image))?, (?:input|cached input|cache writes|output)(?:, long context)?$/

/**
 * The model that a line of OpenAI's bill is about, where the line is about a model's tokens: `gpt-5.5-2026-04-23, input`,
 * `priority | gpt-5.6-sol, output, long context`, `gpt-realtime audio, cached input`. Undefined for what else is billed,
 * such as `web search tool calls`. OpenAI documents no form; these were seen at its API in 2026.
 */
export function modelOfLine(line: string): string | undefined {
  return LINE.exec(line)?.[1]
}
