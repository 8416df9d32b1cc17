import type { Judgement } from '../core/fault.ts'
import type { CallId } from '../core/units.ts'
import type { Upstream } from '../ports.ts'
import type { Gateway } from './gateway.ts'

/** Reports a failed try to the coordinator, and tells the administrator when the key is out because of it. */
export function reportFailure(call: CallId, upstream: Upstream, judgement: Judgement, gateway: Gateway): void {
  const { coordinator, log } = gateway
  const before = coordinator.survey().get(upstream.id)
  coordinator.report(upstream, judgement.outcome)
  const after = coordinator.survey().get(upstream.id)
  const fields = {
    upstream: upstream.name,
    error_class: judgement.errorClass,
    reason: after?.reason,
    until: after?.until === undefined ? undefined : new Date(after.until).toISOString(),
    call,
  }
  const worse = after && (after.state !== before?.state || after.reason !== before.reason)
  if (worse && after.state === 'disabled') log.error('upstream key disabled', fields)
  else if (worse && after.state === 'cooling') log.warn('upstream key cooling', fields)
  else if (judgement.outcome.kind !== 'neutral') log.info('upstream try failed', fields)
}
