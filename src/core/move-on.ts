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
