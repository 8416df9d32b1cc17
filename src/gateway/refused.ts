import { Refusal, REFUSAL_STATUS } from '../core/refusal.ts'
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
    const endedAt = gateway.now()
    const row = {
      ...call.facts,
      requestId: call.facts.id,
      status: REFUSAL_STATUS[cause.code],
      refusal: cause.code,
      endedAt,
    }
    // The caller is refused all the same; without a ledger there is nothing to write it into.
    const written = gateway.ledger.refuse(row).catch((failure: unknown) => {
      gateway.log.error('refusal not in the ledger', { call: row.id, code: cause.code, cause: String(failure) })
    })
    // Nor is a ledger waited for that has been waited for already.
    if (cause.code !== 'ledger_unavailable') await soon(written, REFUSED_MS)
  }
  const ledgerAway = cause.code === 'ledger_unavailable'
  const standing = cause.detail.standing ?? (ledgerAway ? undefined : await standingOf(call.holder.member, gateway))
  return new RefusedCallError(cause, call, standing)
}
