import type { Judgement } from '../core/fault.ts'
import type { UpstreamId } from '../core/units.ts'
import type { Upstream, Wish } from '../ports.ts'
import type { CallRequest } from './identify.ts'

/** What a call wishes of the coordinator. */
export function wishOf({ intent, asked, holder, facts }: CallRequest, candidates: readonly Upstream[]): Wish {
  const conversation = intent.threadId ?? intent.sessionId
  return {
    call: facts.id,
    member: holder.member,
    candidates,
    model: asked.model,
    serviceTier: asked.serviceTier,
    sticky: conversation === undefined ? undefined : `${holder.member.id}:${conversation}`,
  }
}

/** The candidates that are left after one was tried in vain. */
export function narrowed(
  candidates: readonly Upstream[],
  tried: UpstreamId | undefined,
  judgement: Judgement,
): readonly Upstream[] {
  // The coordinator cools or disables what must not be tried again now; a cooled key may come back within patience.
  const { kind } = judgement.outcome
  const left = candidates.filter(({ id }) => id !== tried)
  // The conversation's own key would be chosen again and again, while another one may be well.
  if (kind === 'overloaded') return left.length > 0 ? left : candidates
  if (kind !== 'penalty' && kind !== 'neutral') return candidates
  const reader = candidates.find(({ id }) => id === tried)
  if (judgement.errorClass !== 'encrypted_content' || !reader) return left
  return left.filter((candidate) => !isOfOneOrganization(candidate, reader))
}

/** As far as it is known. */
function isOfOneOrganization(one: Upstream, other: Upstream): boolean {
  const names = [one.organization, one.learned.organization].filter((name) => name !== undefined)
  return names.some((name) => name === other.organization || name === other.learned.organization)
}
