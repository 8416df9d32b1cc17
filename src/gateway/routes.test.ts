import { deepEqual, equal, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { routeOf } from './routes.ts'

const ON = { search: true, webrtc: true }
const OFF = { search: false, webrtc: false }

suite('the route of a request', () => {
  test('is found by its method and its path, whatever its query', () => {
    equal(routeOf('POST', '/v1/responses', OFF).path, '/v1/responses')
    equal(routeOf('GET', '/v1/models?client_version=0.169.0', OFF).kind, 'models')
    deepEqual(routeOf('POST', '/v1/realtime/calls?intent=quicksilver&architecture=avas', ON), {
      kind: 'call',
      path: '/v1/realtime/calls',
      dialect: 'responses',
      purpose: 'realtime_call',
      switch: 'webrtc',
    })
  })

  test('that is switched off is told with its switch', () => {
    for (const [path, name] of [
      ['/v1/alpha/search', 'search'],
      ['/v1/realtime/calls', 'webrtc'],
      ['/v1/live', 'webrtc'],
    ] as const) {
      equal(routeOf('POST', path, { ...OFF, [name]: true }).path, path)
      throws(() => routeOf('POST', `${path}?model=m`, { ...ON, [name]: false }), {
        code: 'not_found',
        message: `POST ${path} is switched off at this gateway. Your gateway admin may switch it on, with ${name} = true under [routes].`,
      })
    }
  })

  test('that there is not is told with those that there are', () => {
    throws(() => routeOf('POST', '/v1/embeddings', OFF), {
      message:
        'There is no POST /v1/embeddings here. The gateway serves POST /v1/responses, POST /v1/responses/compact, POST /v1/chat/completions, GET /v1/models, GET /v1/usage.',
    })
    throws(() => routeOf('GET', '/v1/live', ON), /There is no GET \/v1\/live here.*POST \/v1\/live, GET/)
  })
})
