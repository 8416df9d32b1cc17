import { serves } from '../core/model.ts'
import type { Pulse, Upstream, Wish } from '../ports.ts'
import type { Gateway } from './gateway.ts'

/** What passes soon, or may be over already: it is waited for, and no conversation is moved for it. */
const PASSES: ReadonlySet<Pulse['reason']> = new Set<Pulse['reason']>(['overloaded', 'failures'])

/**
 * Whether the key of a conversation is good for a wish still. `bad`: an administrator or upstream has taken it away, or it
 * is limited for a while and another key is well: the conversation does better there.
 */
export function fitness({ id }: Upstream, wish: Wish, gateway: Gateway): 'good' | 'bad' {
  const upstream = gateway.directory.upstreams().find((each) => each.id === id)
  if (!upstream || !isServing(upstream, gateway)) return 'bad'
  const limited = gateway.coordinator.soonest({ ...wish, candidates: [upstream] }) !== undefined
  return limited && !PASSES.has(gateway.coordinator.pulse(id)?.reason) && hasBetter(upstream, wish, gateway)
    ? 'bad'
    : 'good'
}

/** Whether a key is there still, whatever else may be better. */
export function isServing({ id }: Upstream, { coordinator, directory }: Gateway): boolean {
  const upstream = directory.upstreams().find((each) => each.id === id)
  return upstream?.enabled === true && upstream.ws && coordinator.pulse(id)?.state !== 'disabled'
}

/** Whether another key may serve the wish just now. */
export function hasBetter(than: Upstream, wish: Wish, { coordinator, directory }: Gateway): boolean {
  return directory.upstreams().some((other) => {
    if (other.id === than.id || !other.enabled || !other.ws || !serves(other.models, wish.model)) return false
    if (coordinator.pulse(other.id)?.state === 'disabled') return false
    return coordinator.soonest({ ...wish, candidates: [other] }) === undefined
  })
}
