import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { UpstreamId } from '../core/units.ts'
import type { Pulse, Upstream, Wish } from '../ports.ts'
import type { Gateway } from './gateway.ts'
import { fitness } from './line-fitness.ts'

const KEYS = [1, 2, 3].map((id) => ({ id, enabled: true, ws: true }) as unknown as Upstream)
const [OWN] = KEYS as [Upstream]
const WISH = { candidates: [], model: 'm', serviceTier: undefined } as unknown as Wish

/** A gateway whose coordinator says this of its keys, and the keys that it was asked about. */
function gatewayWith(states: Partial<Record<number, Pulse['state']>>, limited: readonly number[] = []) {
  const asked: number[] = []
  const coordinator: Partial<Gateway['coordinator']> = {
    pulse: (id: UpstreamId) => {
      asked.push(id)
      return { state: states[id] ?? 'healthy', reason: undefined, until: undefined, inFlight: 0, failuresInRow: 0 }
    },
    soonest: ({ candidates }) => (candidates.some(({ id }) => limited.includes(id)) ? 1000 : undefined),
  }
  const gateway = { coordinator, directory: { upstreams: () => KEYS } } as unknown as Gateway
  return { gateway, asked }
}

suite('the fitness of a conversation\u2019s key', () => {
  test('is asked of that key alone while nothing speaks against it, for every idle conversation asks each second', () => {
    const { gateway, asked } = gatewayWith({})
    equal(fitness(OWN, WISH, gateway), 'good')
    deepEqual(new Set(asked), new Set([OWN.id]))
  })

  test('is bad where it is disabled, or limited while another is well', () => {
    equal(fitness(OWN, WISH, gatewayWith({ 1: 'disabled' }).gateway), 'bad')
    equal(fitness(OWN, WISH, gatewayWith({}, [1]).gateway), 'bad')
    equal(fitness(OWN, WISH, gatewayWith({ 2: 'disabled', 3: 'disabled' }, [1]).gateway), 'good')
    equal(fitness(OWN, WISH, gatewayWith({}, [1, 2, 3]).gateway), 'good')
  })
})
