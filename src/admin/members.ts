import type { WindowMode } from '../core/quota.ts'
import type { NanoCredits } from '../core/units.ts'
import type { Change, Member, NewMember, Registry } from '../ports.ts'
import type { Defaults } from './world.ts'
import { WrongUse } from './wrong-use.ts'

/** What may be said of a member; what is left out takes the default, or stays as it is. */
export interface MemberTraits {
  readonly weight?: number
  readonly maxConcurrent?: number
  readonly fiveHourQuota?: NanoCredits
  readonly weeklyQuota?: NanoCredits
  readonly dailyQuota?: NanoCredits | undefined
  readonly monthlyQuota?: NanoCredits | undefined
  readonly quotaWindow?: WindowMode | undefined
  readonly models?: readonly string[] | undefined
}

export function addMember(registry: Registry, name: string, traits: MemberTraits, defaults: Defaults): Promise<Member> {
  return registry.addMember({
    name,
    weight: traits.weight ?? 1,
    maxConcurrent: traits.maxConcurrent ?? defaults.memberConcurrency,
    fiveHourQuota: traits.fiveHourQuota ?? defaults.memberFiveHourQuota,
    weeklyQuota: traits.weeklyQuota ?? defaults.memberWeeklyQuota,
    dailyQuota: traits.dailyQuota,
    monthlyQuota: traits.monthlyQuota,
    quotaWindow: traits.quotaWindow,
    models: traits.models,
  })
}

export async function setMember(registry: Registry, name: string, traits: MemberTraits): Promise<Member> {
  if (Object.keys(traits).length === 0) throw new WrongUse('nothing to change: give at least one option')
  const change: Change<Omit<NewMember, 'name'>> = traits
  return registry.setMember(name, change)
}

export function switchMember(registry: Registry, name: string, enabled: boolean): Promise<Member> {
  return registry.setMember(name, { enabled })
}

export function listMembers(registry: Registry): Promise<readonly Member[]> {
  return registry.members()
}
