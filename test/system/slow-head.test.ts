import { deepEqual, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { BodyBudget } from '../../src/edge/body-budget.ts'
import { Probes } from '../../src/edge/probes.ts'
import { listen, type DataServer } from '../../src/edge/server.ts'
import type { Store } from '../../src/adapters/store/store.ts'
import { silent } from '../contract/bench.ts'
import { sqliteDatabase } from '../contract/sqlite-database.ts'
import { connected } from '../support/raw.ts'
import { until } from '../support/stand.ts'
import { ask } from '../support/wire.ts'

const HEADERS_MS = 400
const MB = 1_000_000

/** The listener by itself: a whole gateway waits for a head longer than a test may take. */
async function listener({ directory, ledger }: Store): Promise<DataServer> {
  const relay = (): Promise<void> => Promise.reject(new Error('no call gets this far'))
  const probes = new Probes({
    directory,
    ledger,
    now: Date.now,
    draining: () => false,
    estimates: () => undefined,
    unpriced: () => [],
    unknownTiers: () => [],
  })
  return await listen({ relay, converse: relay }, probes, {
    socketOn: relay as never,
    webSockets: false,
    webRtc: false,
    host: '127.0.0.1',
    port: 0,
    limits: {
      maxHeaderBytes: 65_536,
      maxBodyBytes: MB,
      maxDecompressedBytes: MB,
      bodyIdleMs: 10_000,
      clientStallMs: 10_000,
    },
    budget: new BodyBudget({ maxBufferedBytes: MB, maxMemberBufferedBytes: MB }),
    contact: 'nobody',
    log: silent,
    metrics: { refused: () => undefined },
    now: Date.now,
    headersMs: HEADERS_MS,
  })
}

suite('the head of a request', () => {
  test('that comes byte by byte is not waited for without end', async () => {
    await using database = await sqliteDatabase()
    await using store = await database.open()
    await using on = await listener(store)
    const began = performance.now()
    using raw = await connected(on.url)
    raw.write('GET /healthz HTTP/1.1\r\nhost: gateway\r\nx-slow: ')
    await until(() => {
      raw.write('x')
      return raw.socket.destroyed || undefined
    })
    const tookMs = performance.now() - began
    ok(tookMs > HEADERS_MS * 0.9, `closed after ${tookMs} ms`)
    // Who goes on writing may be reset before it has read the answer.
    match(raw.text(), /^(?:HTTP\/1\.1 408 [^]*)?$/)
    const quick = await ask(on.url, { method: 'GET', path: '/healthz' })
    deepEqual([quick.status, quick.text], [200, 'ok'])
  })
})
