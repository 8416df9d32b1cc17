import { equal, match, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Refusal } from '../core/refusal.ts'
import type { Client, Log } from '../ports.ts'
import { BodyBudget } from './body-budget.ts'
import { Probes } from './probes.ts'
import { listen, type DataServer } from './server.ts'

const LIMITS = {
  maxHeaderBytes: 16_384,
  maxBodyBytes: 100_000,
  maxDecompressedBytes: 100_000,
  bodyIdleMs: 1000,
  clientStallMs: 1000,
}

async function serving(relay: (client: Client) => Promise<void>): Promise<DataServer & { readonly log: string[] }> {
  const lines: string[] = []
  const at = (event: string, fields: object = {}): void => void lines.push(`${event} ${JSON.stringify(fields)}`)
  const log: Log = { debug: at, info: at, warn: at, error: at }
  const probes = new Probes({
    directory: { upstreams: () => [] },
    ledger: undefined as never,
    now: Date.now,
    draining: () => false,
    estimates: () => undefined,
    unpriced: () => [],
    unknownTiers: () => [],
  })
  const metrics = { refused: () => undefined }
  const options = { host: '127.0.0.1', port: 0, limits: LIMITS, contact: 'Ask', log, metrics, now: Date.now }
  const never = (): Promise<void> => Promise.reject(new Error('no WebSocket is expected'))
  const server = await listen({ relay, converse: never }, probes, {
    ...options,
    budget: new BodyBudget({ maxBufferedBytes: 100_000, maxMemberBufferedBytes: 100_000 }),
    socketOn: never as never,
    webSockets: false,
    webRtc: false,
  })
  return Object.assign(server, { log: lines })
}

suite('the listener of the data plane', () => {
  test('logs an error that nobody foresaw, and answers 500 without its text', async () => {
    await using server = await serving(() => Promise.reject(new Error('the inside')))
    const answer = await fetch(`${server.url}/v1/responses`)
    equal(answer.status, 500)
    const text = await answer.text()
    match(text, /"code":"internal_error"/)
    equal(text.includes('the inside'), false)
    match(server.log.join('\n'), /call failed .*the inside/)
  })

  test('survives a refusal that it cannot put into an answer', async () => {
    const unspeakable = Object.defineProperty(new Refusal('no_upstream', ''), 'message', {
      get: () => {
        throw new Error('no words')
      },
    })
    let refuse = true
    await using server = await serving(async (client) => {
      if (refuse) throw unspeakable
      client.begin(200, ['content-length', '0'])
      client.end()
    })
    await rejects(fetch(`${server.url}/v1/responses`))
    match(server.log.join('\n'), /call not answered .*no words/)
    refuse = false
    equal((await fetch(`${server.url}/v1/responses`)).status, 200)
  })
})
