import { header, type HeaderList } from './headers.ts'

/** With this error Codex opens another socket and sends its whole history, without a word to its user. */
export const MOVE_ON: string = JSON.stringify({
  type: 'error',
  status: 400,
  error: {
    type: 'invalid_request_error',
    code: 'websocket_connection_limit_reached',
    message: 'This connection has come to its end. Please open another one.',
    param: null,
  },
})

/**
 * Whether a client may be sent it: codex-cli 0.100, known by the headers of its handshake, would show it to its user and
 * end the turn; to that version a close says the same.
 */
export function takesMoveOn(handshake: HeaderList): boolean {
  return header(handshake, 'session_id') === undefined || header(handshake, 'x-client-request-id') !== undefined
}
