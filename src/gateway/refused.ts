import { Refusal, REFUSAL_STATUS, type RefusalCode } from '../core/refusal.ts'
import type { Standing } from '../ports.ts'
import type { Gateway } from './gateway.ts'
import type { KnownCall } from './identify.ts'
import { REFUSED_MS, soon } from './soon.ts'
import { standingOf } from './standing.ts'

/** A known caller's call was refused: what the edge needs to answer in the caller's own dialect. */
export class RefusedCallError extends Error {
  override readonly name = 'RefusedCallError'
  readonly refusal: Refusal
  readonly native: boolean
  readonly requestId: string
  readonly model: string | undefined
  /** The member's windows, as far as they are limited and known. */
  readonly standing: Standing | undefined

  constructor(refusal: Refusal, call: KnownCall, standing: Standing | undefined) {
    super(refusal.message, { cause: refusal })
    this.refusal = refusal
    this.native = call.native
    this.requestId = call.facts.id
    this.model = call.facts.model
    this.standing = standing
  }
}

/** Puts a member's refusal into the ledger, unless its row is there already, and into words that the edge can answer. */
export async function explained(cause: unknown, call: KnownCall, opened: boolean, gateway: Gateway): Promise<unknown> {
  if (!(cause instanceof Refusal)) return cause
  if (!opened) {
    const written = noteRefusal(call, { status: REFUSAL_STATUS[cause.code], code: cause.code }, gateway)
    // A ledger is not waited for that has been waited for already.
    if (cause.code !== 'ledger_unavailable') await soon(written, REFUSED_MS)
  }
  const ledgerAway = cause.code === 'ledger_unavailable'
  const standing = cause.detail.standing ?? (ledgerAway ? undefined : await standingOf(call.holder.member, gateway))
  return new RefusedCallError(cause, call, standing)
}

/** Never rejects: the caller is refused all the same; without a ledger there is nothing to write it into. */
export async function noteRefusal(
  { facts }: KnownCall,
  told: { readonly status: number; readonly code: RefusalCode; readonly requestId?: string },
  gateway: Gateway,
): Promise<void> {
  const { status, code, requestId = facts.id } = told
  try {
    await gateway.ledger.refuse({ ...facts, requestId, status, refusal: code, endedAt: gateway.now() })
  } catch (failure) {
    gateway.log.error('refusal not in the ledger', { call: facts.id, code, cause: String(failure) })
  }
}
