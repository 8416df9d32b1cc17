/** Offers of calls over WebRTC, as codex 0.169.0 makes them. */
import type { Ask } from './wire.ts'

const BOUNDARY = 'codex-realtime-call-boundary'
export const SDP = 'v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n'
export const CALLS = '/v1/realtime/calls?intent=quicksilver&architecture=avas'
export const FORM: string = `multipart/form-data; boundary=${BOUNDARY}`

/** A form of these parts: name, type, content. */
export function formOf(...parts: readonly (readonly [name: string, type: string, content: string])[]): string {
  const text = parts.map(
    ([name, type, content]) =>
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\nContent-Type: ${type}\r\n\r\n${content}\r\n`,
  )
  return `${text.join('')}--${BOUNDARY}--\r\n`
}

interface OfferShape {
  readonly path?: string
  readonly model?: string
  readonly type?: string
  readonly body?: string
}

export function offer(
  key: string,
  { path = CALLS, model = 'gpt-realtime-1.5', type = FORM, body }: OfferShape = {},
): Ask {
  const session = { audio: { output: { voice: 'cove' } }, type: 'quicksilver', model, instructions: 'be brief' }
  return {
    path,
    headers: [
      'openai-alpha',
      'quicksilver=v1',
      'x-session-id',
      'thread-1',
      'session-id',
      'thread-1',
      'thread-id',
      'thread-1',
      'content-type',
      type,
      'authorization',
      `Bearer ${key}`,
      'originator',
      'codex-tui',
      'user-agent',
      'codex-tui/0.169.0 (Debian 12.0.0; x86_64) dumb (codex-tui; 0.169.0)',
    ],
    body: body ?? formOf(['sdp', 'application/sdp', SDP], ['session', 'application/json', JSON.stringify(session)]),
  }
}
