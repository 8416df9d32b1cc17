import { Refusal } from '../core/refusal.ts'
import { serves } from '../core/model.ts'
import type { Directory, Member, Upstream } from '../ports.ts'
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
 * The upstream keys that serve the model: enabled, and for HTTP. Throws a Refusal when there is none: it would not help
 * to try again.
 */
export function serving(model: string | undefined, directory: Directory): readonly Upstream[] {
  const all = directory.upstreams()
  const found = all.filter((u) => u.enabled && u.http && serves(u.models, model))
  if (found.length > 0) return found
  const why = all.some((u) => u.enabled && u.http)
    ? `None of the gateway’s upstream keys serves the model ${model ?? '(none named)'}`
    : 'The gateway has no upstream key for HTTP that is enabled'
  throw new Refusal('model_not_found', `${why}. Ask your gateway admin to add one.`)
}

/** Of the keys that serve the model those of the organization that owns the thread's ciphertext; throws a Refusal when there is none. */
export async function eligible(request: CallRequest, gateway: Gateway): Promise<readonly Upstream[]> {
  const found = serving(request.asked.model, gateway.directory)
  if (!request.asked.ciphertext) return found
  const owner = await gateway.owners.ownerOf(request.holder.member.id, request.intent)
  if (!owner) return found
  const maker = gateway.directory.upstreams().find((u) => u.id === owner.upstream)
  const organization = owner.organization ?? maker?.organization
  const bound = found.filter(
    (u) => u.id === owner.upstream || (organization !== undefined && u.organization === organization),
  )
  if (bound.length > 0) return bound
  throw new Refusal(
    'no_upstream',
    'This conversation was begun with an OpenAI organization whose keys the gateway no longer has, and no other can read it. Start a new conversation, or ask your gateway admin to enable a key of that organization.',
  )
}
