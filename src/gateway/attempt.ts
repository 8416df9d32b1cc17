import { choiceOf } from '../core/choice.ts'
import { asksToWait } from '../core/fault.ts'
import { Refusal } from '../core/refusal.ts'
import { NoSeat, type Reply, type Seat, type Upstream } from '../ports.ts'
import { eligible, overOf, type Eligible } from './eligible.ts'
import { keysTrouble, noSeat, tooLarge } from './no-seat.ts'
import { ClientLeft, exhausted, retryAfterMs } from './patience.ts'
import { reportFailure } from './report.ts'
import { tried } from './tried.ts'
import { tryOnce, type Failure, type Trying } from './try-once.ts'
import { narrowed, wishOf } from './wish.ts'

/** However short upstream's waits are, one call does not try for ever. */
const MAX_TRIES = 20

/**
 * Tries upstream keys by the error table until one gives an answer to pass on: a good one, or an error that is the
 * caller's own or that no other key would better. Retries only before the response head, with the very bytes that
 * came. Throws a Refusal when there is none, or when what went wrong is the administrator's business.
 */
export async function attempt(trying: Trying): Promise<Reply> {
  const { request, gateway, admission } = trying
  const found = await keysFor(trying)
  let candidates = found.keys
  let counted = 0
  let last: Failure | undefined
  while (admission.receipt.attempts.length < MAX_TRIES) {
    const narrowing = last ? 'retry' : found.narrowing
    const seat = await seated(trying, { keys: candidates, narrowing }, last)
    if (!seat) break
    const result = await tryOnce(trying, seat.upstream, choiceOf(narrowing, seat.chosen))
    if (!('judgement' in result)) {
      gateway.coordinator.report(seat.upstream, { kind: 'answering' })
      return result
    }
    last = result
    const { judgement } = result
    reportFailure(request.facts.id, seat.upstream, judgement, gateway)
    await admission.rise()
    if (judgement.errorClass === 'client_left') throw new ClientLeft('the client left')
    if (judgement.counts) counted++
    if (judgement.next === 'pass' || judgement.next === 'never') break
    candidates = narrowed(candidates, seat.upstream.id, judgement)
    const enough = judgement.counts && counted >= gateway.settings.retryAttempts
    if (candidates.length === 0 || enough) break
  }
  return finish(last, trying, candidates)
}

async function keysFor({ request, gateway, patience, admission }: Trying): Promise<Eligible> {
  return admission.first?.from ?? (await tried(() => eligible(request, gateway, overOf(request)), patience))
}

/**
 * The upstream's place that was taken before the call was opened; else takes one within `patience` and commits its name.
 * Undefined when no candidate can be had any more.
 */
async function seated(
  trying: Trying,
  { keys, narrowing }: Eligible,
  last: Failure | undefined,
): Promise<Seat | undefined> {
  const { request, gateway, patience, admission } = trying
  if (!last && admission.first) return admission.first.seat
  const wish = wishOf(request, keys)
  const expectedMs = (): number | undefined => gateway.coordinator.soonest(wish)
  try {
    if (last?.judgement.counts) await patience.sleep('seat', jitterMs())
    const seat = await patience.wait('seat', (signal) => gateway.coordinator.seat(wish, signal), { expectedMs })
    admission.sit(seat)
    const chosen = choiceOf(narrowing, seat.chosen)
    await tried(() => gateway.ledger.attempt(wish.call, seat.upstream.id, gateway.now(), chosen), patience)
    return seat
  } catch (cause) {
    // What upstream itself answered tells more than that nobody else could be had in time.
    const hostsTrouble = last?.judgement.whoseTrouble === 'upstream' && last.judgement.errorClass !== 'rate_limit'
    if (cause instanceof Refusal && hostsTrouble) return undefined
    if (!(cause instanceof NoSeat)) throw cause
    if (last) return undefined
    throw noSeat(wish, gateway, cause)
  }
}

function finish(last: Failure | undefined, { request, outgoing, gateway }: Trying, left: readonly Upstream[]): Reply {
  if (last === undefined || last.judgement.whoseTrouble === 'key') throw keysTrouble()
  if (last.judgement.errorClass === 'too_large') throw tooLarge()
  // The pooled keys' limits are not the member's: nobody is told of them as upstream put it. Nor is Codex of a host's, for
  // a bare 429 ends its turn.
  const limited = last.judgement.errorClass === 'rate_limit'
  if (limited || (request.native && asksToWait(last.judgement))) {
    const soonest = gateway.coordinator.soonest(wishOf(request, left))
    if (limited) throw exhausted('seat', soonest)
    throw new Refusal('upstream_error', 'OpenAI says that it is overloaded.', { retryAfterMs: retryAfterMs(soonest) })
  }
  if (last.reply) return last.reply
  const timeout = last.judgement.errorClass === 'timeout'
  const message = timeout
    ? `OpenAI did not answer within ${outgoing.headTimeoutMs / 1000} s.`
    : `OpenAI could not be reached, or broke off before it answered (${last.judgement.errorClass}).`
  throw new Refusal(timeout ? 'upstream_timeout' : 'upstream_error', message, { retryAfterMs: retryAfterMs() })
}

/** So that many calls that failed together do not come back together. */
function jitterMs(): number {
  return 50 + Math.random() * 200
}
