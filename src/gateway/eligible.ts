import { Refusal } from '../core/refusal.ts'
import { serves } from '../core/model.ts'
import type { Member, Upstream } from '../ports.ts'
import type { CallRequest } from './identify.ts'
import type { Gateway } from './gateway.ts'

/** Refuses a model that the member may not use. */
export function checkModelAllowed(member: Member, model: string | undefined): void {
  if (serves(member.models, model)) return
  const allowed = member.models?.join(', ') ?? ''
  const asked = model === undefined ? 'A call without a model' : `The model ${model}`
  throw new Refusal(
    'model_not_allowed',
    `${asked} is not allowed to you. You may use ${allowed}; ask your gateway admin for more.`,
  )
}

/**
 * The upstream keys that can serve the call at all: enabled, for HTTP, for the model, and of the organization that
 * owns the thread's ciphertext. Throws a Refusal when there is none: it would not help to try again.
 */
export async function eligible(request: CallRequest, gateway: Gateway): Promise<readonly Upstream[]> {
  const all = gateway.directory.upstreams()
  const serving = all.filter((u) => u.enabled && u.http && serves(u.models, request.asked.model))
  if (serving.length === 0) {
    const why = all.some((u) => u.enabled && u.http)
      ? `None of the gateway’s upstream keys serves the model ${request.asked.model ?? '(none named)'}`
      : 'The gateway has no upstream key for HTTP that is enabled'
    throw new Refusal('model_not_found', `${why}. Ask your gateway admin to add one.`)
  }
  if (!request.asked.ciphertext) return serving
  const owner = await gateway.owners.ownerOf(request.holder.member.id, request.intent)
  if (!owner) return serving
  const maker = all.find((u) => u.id === owner.upstream)
  const organization = owner.organization ?? maker?.organization
  const bound = serving.filter(
    (u) => u.id === owner.upstream || (organization !== undefined && u.organization === organization),
  )
  if (bound.length > 0) return bound
  throw new Refusal(
    'no_upstream',
    'This conversation was begun with an OpenAI organization whose keys the gateway no longer has, and no other can read it. Start a new conversation, or ask your gateway admin to enable a key of that organization.',
  )
}
