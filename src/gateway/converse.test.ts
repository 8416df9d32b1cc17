import { NO_RULES } from '../core/quota.ts'
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import { GATEWAY_KEY_BYTES, newGatewayKey } from '../core/gateway-key.ts'
import { NoReply, type Handshake, type Socket, type SocketClient, type Wish } from '../ports.ts'
import { converse } from './converse.ts'
import type { Gateway } from './gateway.ts'
import { SocketTrouble } from './socket-trouble.ts'

const { secret } = newGatewayKey(Buffer.alloc(GATEWAY_KEY_BYTES, 7))
const KEYS = [1, 2, 3].map((id) => ({ id, name: `key ${id}`, enabled: true, ws: true, learned: {} }))

type Connect = (signal: AbortSignal) => Promise<Handshake>

function gatewayWith(connect: Connect, outcomes: unknown[] = []): Gateway {
  return {
    directory: {
      holderOf: () => ({
        key: { id: 1, enabled: true },
        member: { id: 1, name: 'alice', enabled: true, fiveHourQuota: 0n, weeklyQuota: 0n },
      }),
      upstreams: () => KEYS,
    },
    socketTrouble: new SocketTrouble(),
    coordinator: {
      seat: ({ candidates }: Wish) =>
        Promise.resolve({ upstream: candidates[0], [Symbol.asyncDispose]: () => Promise.resolve() }),
      report: (_upstream: unknown, { kind }: { kind: string }) => outcomes.push(kind),
      soonest: () => undefined,
      pulse: () => undefined,
    },
    upstream: { connect: (_request: unknown, _upstream: unknown, signal: AbortSignal) => connect(signal) },
    settings: { handshakeTimeoutMs: 10_000, socket: { maxMessages: 5000 }, quota: NO_RULES },
    metrics: { settled: () => undefined },
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    now: Date.now,
  } as unknown as Gateway
}

/** Cannot be accepted: what it is told first is what the test sees. */
function clientThat(accept: (headers: readonly string[]) => never): SocketClient {
  const headers = ['authorization', `Bearer ${secret}`, 'originator', 'codex_exec', 'session-id', 't']
  const { signal } = new AbortController()
  return { signal, path: '/v1/responses', headers, accept } as unknown as SocketClient
}

const GONE = new Error('gone')

suite('the handshake of a WebSocket', () => {
  test('lets go of the line upstream when its client cannot be accepted any more', async () => {
    let cuts = 0
    const socket = { cut: () => cuts++ } as unknown as Socket
    const gateway = gatewayWith(() => Promise.resolve({ status: 101, headers: [], socket }))
    const client = clientThat(() => {
      throw GONE
    })
    await rejects(converse(client, gateway), GONE)
    equal(cuts, 1)
  })

  test('does not look for a key for longer than Codex waits, and blames no key for being the last', async (t: TestContext) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const outcomes: unknown[] = []
    let tries = 0
    const slow: Connect = (signal) =>
      new Promise((_resolve, reject) => {
        tries++
        const timer = setTimeout(() => reject(new NoReply('timeout', true)), 10_000)
        signal.addEventListener('abort', () => {
          clearTimeout(timer)
          reject(new NoReply('aborted', true))
        })
      })
    let told: readonly string[] | undefined
    const client = clientThat((headers) => {
      told = headers
      throw GONE
    })
    const over = rejects(converse(client, gatewayWith(slow, outcomes)), GONE)
    for (let second = 0; second < 12; second++) {
      await new Promise((resolve) => setImmediate(resolve))
      t.mock.timers.tick(1000)
    }
    await over
    equal(told?.[0], 'x-request-id')
    deepEqual([tries, outcomes], [2, ['penalty', 'neutral']])
  })
})
