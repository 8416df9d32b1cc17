import type { WindowName } from '../core/quota.ts'
import type { EpochMs, NanoCredits } from '../core/units.ts'
import type { QuotaAdjustment, QuotaView, Quotas } from '../ports.ts'
import { WrongUse } from './wrong-use.ts'

/** Who changes a quota, and why. */
export interface Reason {
  readonly who: string
  readonly why: string | undefined
}

export function quotaOf(quotas: Quotas, member: string): Promise<QuotaView> {
  return quotas.view(member)
}

/** Ends open windows of a member, one or all; resolves with what was reset, which is nothing where none is open. */
export function resetQuota(
  quotas: Quotas,
  member: string,
  window: WindowName | undefined,
  { who, why }: Reason,
): Promise<readonly QuotaAdjustment[]> {
  return quotas.reset({ member, window, who, why })
}

/** Takes back what was granted and counts still, in one window or all; resolves with nothing where there is none. */
export function revokeGrants(
  quotas: Quotas,
  member: string,
  window: WindowName | undefined,
  { who, why }: Reason,
): Promise<readonly QuotaAdjustment[]> {
  return quotas.revoke({ member, window, who, why })
}

/** What is granted, where, and until when; undefined: in every limited window, to its end. */
export interface Grant {
  readonly credits: NanoCredits
  readonly window: WindowName | undefined
  readonly until: EpochMs | undefined
}

export async function grantQuota(
  quotas: Quotas,
  member: string,
  { credits, window, until }: Grant,
  { who, why }: Reason,
): Promise<readonly QuotaAdjustment[]> {
  if (credits === 0n) throw new WrongUse('nothing to grant: give a number of credits above 0')
  return quotas.grant({ member, credits, window, until, who, why })
}
