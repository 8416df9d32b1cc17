import { Refusal } from '../core/refusal.ts'
import { serves } from '../core/model.ts'
import type { Directory, Member, ThreadOwner, Upstream } from '../ports.ts'
import type { Narrowing } from '../core/choice.ts'
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

/** By which transport a key is wanted. */
export type Over = 'http' | 'ws' | 'both'

const NAMES: Readonly<Record<Over, string>> = { http: 'HTTP', ws: 'WebSocket', both: 'HTTP and WebSocket' }

/** How a call that came over HTTP goes upstream. A call over WebRTC goes on over WebSocket, at the key that it has. */
export function overOf({ intent }: CallRequest): Over {
  return intent.kind === 'realtime_call' ? 'both' : 'http'
}

function carries(upstream: Upstream, over: Over): boolean {
  return over === 'both' ? upstream.http && upstream.ws : upstream[over]
}

/**
 * The upstream keys that serve the model: enabled, and for this transport. Throws a Refusal when there is none: it would not help
 * to try again.
 */
export function serving(model: string | undefined, directory: Directory, over: Over): readonly Upstream[] {
  const all = directory.upstreams()
  const found = all.filter((u) => u.enabled && carries(u, over) && serves(u.models, model))
  if (found.length > 0) return found
  const why = all.some((u) => u.enabled && carries(u, over))
    ? `None of the gateway’s upstream keys serves the model ${model ?? '(none named)'}${over === 'http' ? '' : ` over ${NAMES[over]}`}`
    : `The gateway has no upstream key for ${NAMES[over]} that is enabled`
  throw new Refusal('model_not_found', `${why}. Ask your gateway admin to add one.`)
}

/** The keys at which a call may be tried, and what made them fewer than those that serve its model. */
export interface Eligible {
  readonly keys: readonly Upstream[]
  readonly narrowing: Narrowing | undefined
}

/** Of the keys that serve the model those of the organization that owns the thread's ciphertext; throws a Refusal when there is none. */
export async function eligible(request: CallRequest, gateway: Gateway, over: Over): Promise<Eligible> {
  const { keys: found, narrowing } = await continuing(request, gateway, over)
  const unbound = { keys: found, narrowing }
  // What a search finds comes as ciphertext too, which the thread may hand in with its next turn.
  if (request.ciphertext === undefined && request.intent.kind !== 'search') return unbound
  const owner = await gateway.owners.ownerOf(request.holder.member.id, request)
  if (!owner) return unbound
  const bound = ownersKeys(found, owner, gateway.directory.upstreams())
  if (bound.length > 0) return narrowedTo(bound, 'owner', unbound)
  throw new Refusal(
    'no_upstream',
    'This conversation was begun with an OpenAI organization whose keys the gateway no longer has, and no other can read it. Start a new conversation, or ask your gateway admin to enable a key of that organization.',
  )
}

/**
 * The keys that may go on from the stored response which the call names: those of its project. A member reaches no
 * other member's; throws a Refusal for one that the ledger does not know as the member's own.
 */
async function continuing(request: CallRequest, gateway: Gateway, over: Over): Promise<Eligible> {
  const found = serving(request.asked.model, gateway.directory, over)
  const { previousResponseId } = request.asked
  const all = { keys: found, narrowing: undefined }
  if (previousResponseId === undefined) return all
  const maker = await gateway.ledger.makerOf(request.holder.member.id, previousResponseId)
  if (!maker) {
    throw new Refusal(
      'previous_response_not_found',
      'The field "previous_response_id" must name a response that the gateway gave to you and that OpenAI stores ("store": true): it knows none of this id. Send the whole conversation instead.',
    )
  }
  const key = gateway.directory.upstreams().find(({ id }) => id === maker.upstream)
  const project = key?.project
  const bound = found.filter(
    (u) =>
      u.id === maker.upstream ||
      (project !== undefined && u.project === project && u.organization === key?.organization),
  )
  if (bound.length > 0) return narrowedTo(bound, 'response', all)
  throw new Refusal(
    'no_upstream',
    'The response to go on from is stored in an OpenAI project whose keys the gateway no longer has. Send the whole conversation instead, or ask your gateway admin to enable a key of that project.',
  )
}

/** Where it leaves out none, nothing was decided by it. */
function narrowedTo(keys: readonly Upstream[], narrowing: Narrowing, before: Eligible): Eligible {
  return keys.length < before.keys.length ? { keys, narrowing } : before
}

/**
 * The keys of the organization that answered before. It has up to two names: upstream's own, and the administrator's
 * label, which every key under it shares with the key that answered, unless that one has gone over to somebody else.
 */
function ownersKeys(found: readonly Upstream[], owner: ThreadOwner, all: readonly Upstream[]): readonly Upstream[] {
  const names = new Set([owner.organization])
  const maker = all.find(({ id }) => id === owner.upstream)
  const now = maker?.learned.organization
  const asBefore = now === undefined || owner.organization === undefined || now === owner.organization
  if (asBefore) names.add(maker?.organization)
  names.delete(undefined)
  const named = found.filter((u) => names.has(u.organization) || names.has(u.learned.organization))
  if (named.length > 0) return named
  // Of a key that nobody named nothing is known but that it is the one.
  return asBefore ? found.filter((u) => u.id === owner.upstream) : []
}
