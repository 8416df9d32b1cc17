import type { Command } from 'commander'
import type { CommandSet } from './cli-session.ts'
import { memberJson } from './json-form.ts'
import { memberLine } from './lines.ts'
import { addMember, listMembers, type MemberTraits, setMember, switchMember } from './members.ts'
import { countOf, modelsOf, modeOf, ownQuotaOf, quotaOf, weightOf } from './option-values.ts'
import { MEMBER_COLUMNS } from './table.ts'

interface MemberOptions {
  readonly weight?: string
  readonly maxConcurrent?: string
  readonly fiveHourQuota?: string
  readonly weeklyQuota?: string
  readonly dailyQuota?: string
  readonly monthlyQuota?: string
  readonly quotaWindow?: string
  readonly models?: string
}

export function addMemberCommands(admin: Command, commands: CommandSet): void {
  const add = commands.add<MemberOptions>(
    admin,
    { usage: 'add-member <name>', summary: 'create a member', example: 'admin add-member alice --five-hour-quota 50' },
    async (session, [name = ''], options) => {
      const traits = traitsOf(options)
      const { defaults } = session.load()
      const member = await session.withStore(({ registry }) => addMember(registry, name, traits, defaults))
      session.answer(memberJson(member), `member created: id=${member.id} name=${member.name}`)
    },
  )
  withTraits(add, (usual) => `default ${usual}`)

  const set = commands.add<MemberOptions>(
    admin,
    { usage: 'set-member <name>', summary: 'change a member', example: 'admin set-member alice --weekly-quota 200' },
    async (session, [name = ''], options) => {
      const traits = traitsOf(options)
      const member = await session.withStore(({ registry }) => setMember(registry, name, traits))
      session.answer(memberJson(member), `member updated: ${member.name}`)
    },
  )
  withTraits(set, () => 'unchanged where left out')

  for (const enabled of [true, false]) {
    const verb = enabled ? 'enable' : 'disable'
    commands.add(
      admin,
      {
        usage: `${verb}-member <name>`,
        summary: `${verb} a member and with it all of its keys`,
        example: `admin ${verb}-member alice`,
      },
      async (session, [name = '']) => {
        const member = await session.withStore(({ registry }) => switchMember(registry, name, enabled))
        session.answer(memberJson(member), `member ${verb}d: ${member.name}`)
      },
    )
  }

  commands.add(
    admin,
    { usage: 'list-members', summary: 'list the members', example: 'admin list-members --json' },
    async (session) => {
      const members = await session.withStore(({ registry }) => listMembers(registry))
      session.list(members, { json: memberJson, line: memberLine, columns: MEMBER_COLUMNS, none: 'no members yet' })
    },
  )
}

/** `otherwise` says what holds where an option is left out. */
function withTraits(command: Command, otherwise: (usual: string) => string): void {
  const configured = otherwise('from the configuration')
  command
    .option('--weight <number>', `share of the calls where members wait for the same key (${otherwise('1.0')})`)
    .option('--max-concurrent <count>', `calls at once, 0 = unlimited (${configured})`)
    .option('--five-hour-quota <credits>', `credits per 5 hours, 0 = unlimited (${configured})`)
    .option('--weekly-quota <credits>', `credits per 7 days, 0 = unlimited (${configured})`)
    .option('--daily-quota <credits>', `credits per 24 hours, 0 = none, or "default" (${configured})`)
    .option('--monthly-quota <credits>', `credits per 30 days, 0 = none, or "default" (${configured})`)
    .option('--quota-window <mode>', `anchored, rolling or "default" (${configured})`)
    .option('--models <names>', `models the member may use, with commas between, or "all" (${otherwise('all')})`)
}

function traitsOf(options: MemberOptions): MemberTraits {
  const { weight, maxConcurrent, fiveHourQuota, weeklyQuota, dailyQuota, monthlyQuota, quotaWindow, models } = options
  const calls = { of: 'calls', example: '4 (0 = unlimited)' }
  return {
    ...(weight !== undefined && { weight: weightOf('--weight', weight) }),
    ...(maxConcurrent !== undefined && { maxConcurrent: countOf('--max-concurrent', maxConcurrent, 0, calls) }),
    ...(fiveHourQuota !== undefined && { fiveHourQuota: quotaOf('--five-hour-quota', fiveHourQuota) }),
    ...(weeklyQuota !== undefined && { weeklyQuota: quotaOf('--weekly-quota', weeklyQuota) }),
    ...(dailyQuota !== undefined && { dailyQuota: ownQuotaOf('--daily-quota', dailyQuota) }),
    ...(monthlyQuota !== undefined && { monthlyQuota: ownQuotaOf('--monthly-quota', monthlyQuota) }),
    ...(quotaWindow !== undefined && { quotaWindow: modeOf('--quota-window', quotaWindow) }),
    ...(models !== undefined && { models: modelsOf('--models', models) }),
  }
}
