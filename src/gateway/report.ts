import { asksToWait, BROKEN_STREAM, judgeInBand, type Judgement } from '../core/fault.ts'
import type { Metered } from '../core/meter.ts'
import type { CallId } from '../core/units.ts'
import type { Upstream } from '../ports.ts'
import type { Gateway } from './gateway.ts'
import type { Trying } from './try-once.ts'

/** Reports what came of an answer once its end is known, and where it hid an error. */
export function reportEnd(trying: Trying, upstream: Upstream, status: number): Judgement | undefined {
  const { request, gateway, admission } = trying
  const { metered, ending } = admission.receipt
  const { model } = request.asked
  if (metered?.error) {
    const judgement = judgeFailure(metered.error, trying, { begun: true })
    reportFailure(request.facts.id, upstream, judgement, gateway)
    return judgement
  }
  const broke = ending === 'upstream-broke' || ending === 'timed-out'
  if (broke) reportFailure(request.facts.id, upstream, BROKEN_STREAM, gateway)
  else if (ending !== 'complete' || status >= 300) gateway.coordinator.report(upstream, { kind: 'neutral' })
  else
    gateway.coordinator.report(upstream, {
      kind: 'ok',
      organization: upstream.organization,
      project: upstream.project,
      model,
    })
  return broke ? BROKEN_STREAM : undefined
}

/** Judges what an answer with a good status says went wrong. */
export function judgeFailure(
  error: NonNullable<Metered['error']>,
  { request, gateway }: Trying,
  { begun }: { readonly begun: boolean },
): Judgement {
  return judgeInBand({
    status: undefined,
    headers: [],
    errorCode: error.code,
    errorType: error.type,
    errorMessage: error.message,
    model: request.asked.model,
    serviceTier: request.asked.serviceTier,
    now: gateway.now(),
    begun,
  })
}

/** The trouble of a pooled key, or of its limits: no member is shown it as upstream put it. */
export function isOfPool(judgement: Judgement): boolean {
  return judgement.whoseTrouble === 'key' || asksToWait(judgement)
}

/** Reports a failed try to the coordinator, and tells the administrator when the key is out because of it. */
export function reportFailure(call: CallId, upstream: Upstream, judgement: Judgement, gateway: Gateway): void {
  const { coordinator, log } = gateway
  const before = coordinator.pulse(upstream.id)
  coordinator.report(upstream, judgement.outcome)
  const after = coordinator.pulse(upstream.id)
  const fields = {
    upstream: upstream.name,
    error_class: judgement.errorClass,
    ...judgement.told,
    reason: after?.reason,
    until: after?.until === undefined ? undefined : new Date(after.until).toISOString(),
    call,
  }
  const worse = after && (after.state !== before?.state || after.reason !== before.reason)
  if (worse && after.state === 'disabled') log.error('upstream key disabled', fields)
  else if (worse && after.state === 'cooling') log.warn('upstream key cooling', fields)
  else if (judgement.outcome.kind !== 'neutral') log.info('upstream try failed', fields)
}
