import { deepEqual, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { loadConfig } from './config.ts'

const addressWith = (metrics: string, server = '127.0.0.1:8080') => {
  const env = { CODEX_GATEWAY_METRICS_BIND_ADDR: metrics, CODEX_GATEWAY_SERVER_BIND_ADDR: server }
  return loadConfig({ path: undefined, env }).metrics.address
}

suite('the settings of the metrics', () => {
  test('are off unless an address is given', () => {
    deepEqual(loadConfig({ path: undefined, env: {} }).metrics, { address: undefined })
    deepEqual(addressWith(''), undefined)
    deepEqual(addressWith('127.0.0.1:9464'), { host: '127.0.0.1', port: 9464 })
    deepEqual(addressWith('[::1]:0'), { host: '::1', port: 0 })
  })

  for (const wrong of ['9464', '127.0.0.1', '127.0.0.1:70000', 'http://127.0.0.1:9464']) {
    test(`refuse ${wrong} for one`, () => {
      throws(
        () => addressWith(wrong),
        /CODEX_GATEWAY_METRICS_BIND_ADDR = .*: must be empty, or an address with a port, such as "127\.0\.0\.1:9464"/,
      )
    })
  }

  test('refuse the address of the gateway itself, and take its port elsewhere', () => {
    for (const [metrics, server] of [
      ['127.0.0.1:8080', '127.0.0.1:8080'],
      ['127.0.0.1:8080', '0.0.0.0:8080'],
      ['[::]:8080', '10.0.0.1:8080'],
    ] as const) {
      throws(() => addressWith(metrics, server), /must be another port than that of \[server\] bind_addr/)
    }
    deepEqual(addressWith('127.0.0.1:8080', '10.0.0.1:8080'), { host: '127.0.0.1', port: 8080 })
    deepEqual(addressWith('127.0.0.1:0', '127.0.0.1:0'), { host: '127.0.0.1', port: 0 })
  })
})
