import type { Refusal } from '../core/refusal.ts'
import type { Standing } from '../ports.ts'
import type { KnownCall } from './identify.ts'

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
