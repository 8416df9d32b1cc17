import type { Refusal } from '../core/refusal.ts'
import type { KnownCall } from './identify.ts'

/** A known caller's call was refused: what the edge needs to answer in the caller's own dialect. */
export class RefusedCallError extends Error {
  override readonly name = 'RefusedCallError'
  readonly refusal: Refusal
  readonly native: boolean
  readonly requestId: string
  readonly model: string | undefined

  constructor(refusal: Refusal, call: KnownCall) {
    super(refusal.message, { cause: refusal })
    this.refusal = refusal
    this.native = call.native
    this.requestId = call.facts.id
    this.model = call.facts.model
  }
}
