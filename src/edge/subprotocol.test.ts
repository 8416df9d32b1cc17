import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { withKeyOfProtocol } from './subprotocol.ts'

suite('a key among the subprotocols', () => {
  test('becomes a header, and is offered to nobody', () => {
    const offered = 'realtime, openai-insecure-api-key.sk-codex-gw-1,openai-organization.org-1, openai-project.p, other'
    deepEqual(withKeyOfProtocol(['Host', 'x', 'Sec-WebSocket-Protocol', offered]), [
      'Host',
      'x',
      'Sec-WebSocket-Protocol',
      'realtime, other',
      'authorization',
      'Bearer sk-codex-gw-1',
    ])
    deepEqual(withKeyOfProtocol(['sec-websocket-protocol', 'openai-insecure-api-key.k']), ['authorization', 'Bearer k'])
  })

  test('gives way to the header, and is offered to nobody all the same', () => {
    const headers = ['authorization', 'Bearer a', 'sec-websocket-protocol', 'openai-insecure-api-key.b, realtime']
    deepEqual(withKeyOfProtocol(headers), ['authorization', 'Bearer a', 'sec-websocket-protocol', 'realtime'])
  })

  test('is all that is looked for: what else is offered stays as it came', () => {
    const headers = ['sec-websocket-protocol', 'realtime,  other']
    equal(withKeyOfProtocol(headers), headers)
  })
})
