import { BodyBudget } from '../../src/edge/body-budget.ts'
import { Probes } from '../../src/edge/probes.ts'
import { listen } from '../../src/edge/server.ts'
import { silent } from './bench.ts'
import { clientContract } from './client.contract.ts'

clientContract('the HTTP listener', async (caller, settings) => {
  const probes = new Probes({
    directory: { upstreams: () => [] },
    ledger: undefined as never,
    now: Date.now,
    draining: () => false,
    estimates: () => undefined,
    unpriced: () => [],
    unknownTiers: () => [],
  })
  const limits = { ...settings, maxHeaderBytes: 16_384 }
  const converse = (): Promise<void> => Promise.reject(new Error('no WebSocket is expected'))
  return await listen({ relay: caller, converse }, probes, {
    socketOn: converse as never,
    webSockets: false,
    webRtc: false,
    host: '127.0.0.1',
    port: 0,
    limits,
    budget: new BodyBudget({ ...settings, maxBufferedBytes: 100_000_000 }),
    contact: 'nobody',
    log: silent,
    metrics: { refused: () => undefined },
    now: Date.now,
  })
})
