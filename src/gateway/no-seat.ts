import { Refusal, type RefusalDetail } from '../core/refusal.ts'
import type { NoSeat, Pulse, Wish } from '../ports.ts'
import type { Gateway } from './gateway.ts'
import { retryAfterMs } from './patience.ts'

/** Keys that are well are out for this call's model or tier only. */
export function noSeat({ candidates, model, serviceTier }: Wish, gateway: Gateway, cause: NoSeat): Refusal {
  const pulses = gateway.coordinator.survey()
  const enabled = gateway.directory.upstreams().filter((u) => u.enabled && candidates.some(({ id }) => id === u.id))
  const ill = enabled.map(({ id }) => pulses.get(id)).filter((pulse) => pulse && NEEDS_ADMIN.has(pulse.reason))
  if (enabled.length === 0) {
    // While it waited for them. Who comes again is told of those that there are now.
    const message = 'The upstream keys that this call waited for were disabled by the gateway admin.'
    return new Refusal('upstream_error', message, { retryAfterMs: retryAfterMs(), cause })
  }
  if (ill.length === enabled.length) {
    // One of them is just being tried again.
    if (ill.some((pulse) => pulse?.state === 'probing')) return keysTrouble({ retryAfterMs: retryAfterMs(), cause })
    return keysTrouble({ cause })
  }
  const tier = serviceTier === undefined ? '' : ` in the service tier ${serviceTier}`
  const what = `the model ${model ?? '(none named)'}${tier}`
  return new Refusal(
    'model_not_found',
    `OpenAI gives ${what} to none of the gateway’s upstream keys. Ask your gateway admin for it, or take another model.`,
    { cause },
  )
}

const NEEDS_ADMIN: ReadonlySet<Pulse['reason']> = new Set<Pulse['reason']>(['unauthorized', 'billing', 'region'])

/** What members hear of a request that no key's limit of tokens a minute lets in: upstream names the administrator's organization. */
export function tooLarge(): Refusal {
  return new Refusal(
    'invalid_request',
    'OpenAI lets in fewer tokens a minute for the gateway’s upstream keys than this request has at once. Make it shorter (in Codex: /compact, or a new conversation), or ask your gateway admin for a higher limit at OpenAI.',
  )
}

/** What members hear of trouble that is the administrator's. */
export function keysTrouble(detail: RefusalDetail = {}): Refusal {
  return new Refusal(
    'upstream_error',
    'None of the gateway’s upstream keys can serve this call at the moment: OpenAI does not accept them. Ask your gateway admin.',
    detail,
  )
}
