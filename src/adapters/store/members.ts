import type { WindowMode } from '../../core/quota.ts'
import type { EpochMs, MemberId } from '../../core/units.ts'
import type { Change, Member, NewMember } from '../../ports.ts'
import { bumpRevision } from './revision.ts'
import { checkConcurrency, checkModels, checkName, checkQuota, checkWeight, duplicate, unknown } from './names.ts'
import {
  big,
  flag,
  int,
  maybeBig,
  maybeText,
  maybeWords,
  one,
  only,
  real,
  sql,
  text,
  wordsText,
  type Row,
  type Script,
} from './sql.ts'

export type MemberChange = Change<Omit<NewMember, 'name'>> & { readonly enabled?: boolean }

export function* addMember(member: NewMember, now: EpochMs): Script<Member> {
  checkName(member.name)
  check(member)
  if (yield* one(sql`SELECT id FROM members WHERE name = ${member.name}`)) throw duplicate('member', member.name)
  const row = yield* only(sql`
    INSERT INTO members
      (name, enabled, weight, max_concurrent, five_hour_quota, weekly_quota, daily_quota, monthly_quota, quota_window,
       models, created_at)
    VALUES
      (${member.name}, 1, ${member.weight}, ${member.maxConcurrent}, ${member.fiveHourQuota}, ${member.weeklyQuota},
       ${member.dailyQuota}, ${member.monthlyQuota}, ${member.quotaWindow}, ${wordsText(member.models)}, ${now})
    RETURNING *`)
  yield* bumpRevision()
  return memberOf(row)
}

export function* setMember(name: string, change: MemberChange): Script<Member> {
  const before = yield* memberNamed(name)
  const after: Member = {
    ...before,
    enabled: change.enabled ?? before.enabled,
    weight: change.weight ?? before.weight,
    maxConcurrent: change.maxConcurrent ?? before.maxConcurrent,
    fiveHourQuota: change.fiveHourQuota ?? before.fiveHourQuota,
    weeklyQuota: change.weeklyQuota ?? before.weeklyQuota,
    dailyQuota: 'dailyQuota' in change ? change.dailyQuota : before.dailyQuota,
    monthlyQuota: 'monthlyQuota' in change ? change.monthlyQuota : before.monthlyQuota,
    quotaWindow: 'quotaWindow' in change ? change.quotaWindow : before.quotaWindow,
    models: 'models' in change ? change.models : before.models,
  }
  check(after)
  yield sql`
    UPDATE members SET
      enabled = ${after.enabled}, weight = ${after.weight}, max_concurrent = ${after.maxConcurrent},
      five_hour_quota = ${after.fiveHourQuota}, weekly_quota = ${after.weeklyQuota},
      daily_quota = ${after.dailyQuota}, monthly_quota = ${after.monthlyQuota}, quota_window = ${after.quotaWindow},
      models = ${wordsText(after.models)}
    WHERE id = ${after.id}`
  yield* bumpRevision()
  return after
}

/** By name. */
export function* listMembers(): Script<readonly Member[]> {
  const rows = yield sql`SELECT * FROM members ORDER BY name`
  return rows.map(memberOf)
}

/** Throws a RegistryError that names the known ones when nobody has this name. */
export function* memberNamed(name: string): Script<Member> {
  const row = yield* one(sql`SELECT * FROM members WHERE name = ${name}`)
  if (row) return memberOf(row)
  const known = yield sql`SELECT name FROM members ORDER BY name LIMIT 11`
  throw unknown(
    'member',
    name,
    known.map((member) => text(member, 'name')),
  )
}

export function memberOf(row: Row): Member {
  return {
    id: int(row, 'id') as MemberId,
    name: text(row, 'name'),
    enabled: flag(row, 'enabled'),
    weight: real(row, 'weight'),
    maxConcurrent: int(row, 'max_concurrent'),
    fiveHourQuota: big(row, 'five_hour_quota'),
    weeklyQuota: big(row, 'weekly_quota'),
    dailyQuota: maybeBig(row, 'daily_quota'),
    monthlyQuota: maybeBig(row, 'monthly_quota'),
    quotaWindow: maybeText(row, 'quota_window') as WindowMode | undefined,
    models: maybeWords(row, 'models'),
  }
}

function check(member: Omit<NewMember, 'name'>): void {
  checkWeight(member.weight)
  checkConcurrency(member.maxConcurrent)
  checkQuota('five-hour quota', member.fiveHourQuota)
  checkQuota('weekly quota', member.weeklyQuota)
  checkQuota('daily quota', member.dailyQuota ?? 0n)
  checkQuota('monthly quota', member.monthlyQuota ?? 0n)
  checkModels(member.models)
}
