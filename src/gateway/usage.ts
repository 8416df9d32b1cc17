import { randomUUID } from 'node:crypto'
import { exactCredits } from '../core/exact-json.ts'
import { leftIn, limitHeaders, usedPercent } from '../core/limits.ts'
import { Refusal } from '../core/refusal.ts'
import type { EpochMs } from '../core/units.ts'
import { LedgerUnavailable, type Client, type Holder, type ModelUsage, type QuotaView } from '../ports.ts'
import type { Gateway } from './gateway.ts'
import { retryAfterMs } from './patience.ts'

const DAY_MS = 86_400_000

/**
 * `GET /v1/usage`: what the member has used and has left, by docs/json.md. It is no call: it takes no place, stands in
 * no ledger, and is answered to those too whose window is spent.
 */
export async function answerUsage(client: Client, { member }: Holder, gateway: Gateway): Promise<void> {
  const now = gateway.now()
  const midnight = now - (now % DAY_MS)
  const { quotas } = gateway
  const [view, today] = await Promise.all([
    quotas.view(member.name),
    quotas.usedBy(member.id, midnight, midnight + DAY_MS),
  ]).catch((cause: unknown) => {
    if (!(cause instanceof LedgerUnavailable)) throw cause
    const why = 'The gateway cannot read its ledger at the moment.'
    throw new Refusal('ledger_unavailable', why, { retryAfterMs: retryAfterMs(), cause })
  })
  const body = Buffer.from(JSON.stringify({ ...quotaForm(view), today: dayForm(midnight, today) }))
  client.begin(200, [
    'content-type',
    'application/json',
    'content-length',
    String(body.length),
    'cache-control',
    'no-store',
    'x-request-id',
    randomUUID(),
    ...limitHeaders(view),
  ])
  client.write(body)
  client.end()
}

function quotaForm({ member, windows }: QuotaView): object {
  return {
    member,
    windows: windows.map((window) => {
      const limited = window.limit > 0n
      return {
        window: window.name,
        window_minutes: window.lengthMs / 60_000,
        rolling: window.rolling ?? false,
        limit: limited ? exactCredits(window.limit) : null,
        used: exactCredits(window.settled),
        held: exactCredits(window.held),
        left: limited ? exactCredits(leftIn(window)) : null,
        used_percent: limited ? usedPercent(window) : null,
        resets_at: window.resetsAt === undefined ? null : new Date(window.resetsAt).toISOString(),
      }
    }),
  }
}

function dayForm(since: EpochMs, models: readonly ModelUsage[]): object {
  const sum = (of: (usage: ModelUsage) => number): number => models.reduce((all, usage) => all + of(usage), 0)
  return {
    since: new Date(since).toISOString(),
    credits: exactCredits(models.reduce((all, { credits }) => all + credits, 0n)),
    input_tokens: sum((usage) => usage.inputTokens),
    cached_input_tokens: sum((usage) => usage.cachedInputTokens),
    output_tokens: sum((usage) => usage.outputTokens),
    requests: sum((usage) => usage.requests),
    models: models.map((usage) => ({
      model: usage.model ?? null,
      credits: exactCredits(usage.credits),
      input_tokens: usage.inputTokens,
      cached_input_tokens: usage.cachedInputTokens,
      output_tokens: usage.outputTokens,
      requests: usage.requests,
    })),
  }
}
