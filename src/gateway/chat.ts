import { without } from '../core/headers.ts'
import { ChatUsageStrip, withIncludeUsage } from '../core/chat-usage.ts'
import type { Strip } from './forward.ts'
import type { CallRequest } from './identify.ts'

/** Whether a chat completion must be made to state its usage: streamed, and the client did not ask. */
function mustAsk(request: CallRequest): boolean {
  return request.dialect === 'chat' && request.asked.stream && !request.asked.includeUsage
}

/** The body that goes upstream: what came, but for a streamed chat completion that would not state its usage. */
export function withUsage(request: CallRequest, headers: string[]): { bytes: Uint8Array; headers: string[] } {
  if (!mustAsk(request)) return { bytes: request.body.bytes, headers }
  const bytes = withIncludeUsage(request.body.plain, request.asked.streamOptions)
  return { bytes, headers: without(headers, 'content-encoding') }
}

/** Takes the usage chunk out again that the client did not ask for. */
export function chatStrip(request: CallRequest, contentType: string | undefined): Strip | undefined {
  return mustAsk(request) && /^\s*text\/event-stream\b/i.test(contentType ?? '') ? new ChatUsageStrip() : undefined
}
