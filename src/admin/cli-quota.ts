import type { Command } from 'commander'
import type { QuotaAdjustment } from '../ports.ts'
import type { CommandSet } from './cli-session.ts'
import { addWhatIf } from './cli-what-if.ts'
import { expiryOf, quotaOf, textOf, windowOf } from './option-values.ts'
import { adjustmentJson, quotaJson } from './quota-json.ts'
import { adjustmentLine, quotaLines, quotaTables } from './quota-lines.ts'
import { grantQuota, quotaOf as quotaOfMember, resetQuota, revokeGrants } from './quotas.ts'

interface AdjustmentOptions {
  readonly window?: string
  readonly why?: string
}

/** `admin quota`: what members have left, and what administrators do about it. */
export function addQuotaCommands(admin: Command, commands: CommandSet): void {
  const quota = admin.command('quota').description('see and adjust what a member may spend')
  quota.addHelpText('after', '\nExample:\n  codex-gateway admin quota show alice\n')
  commands.add(
    quota,
    {
      usage: 'show <member>',
      summary: 'show the windows of a member and what was adjusted',
      example: 'admin quota show alice',
    },
    async (session, [member = '']) => {
      const view = await session.withStore(({ quotas }) => quotaOfMember(quotas, member))
      const { interactive, colour } = session.world.terminal
      if (interactive && !session.json) session.world.terminal.print(quotaTables(view, colour))
      else session.answer(quotaJson(view), ...quotaLines(view))
    },
  )
  addReset(quota, commands)
  addGrant(quota, commands)
  addRevoke(quota, commands)
  addWhatIf(quota, commands)
}

function addReset(quota: Command, commands: CommandSet): void {
  const plan = {
    usage: 'reset <member>',
    summary: 'end the open windows of a member: its next call opens new ones',
    example: 'admin quota reset alice --window 5h --why "lost a day to a bug of ours"',
  }
  const reset = commands.add<AdjustmentOptions>(quota, plan, async (session, [member = ''], options) => {
    const { window, reason } = adjustmentOf(options, session.world.user)
    const made = await session.withStore(({ quotas }) => resetQuota(quotas, member, window, reason))
    session.answer(made.map(adjustmentJson), ...saidOf(made, member, `nothing to reset: ${member} has no open window`))
  })
  withReason(reset, 'every open one')
}

function addGrant(quota: Command, commands: CommandSet): void {
  const plan = {
    usage: 'grant <member> <credits>',
    summary: 'let a member spend more for a while',
    example: 'admin quota grant alice 50 --window weekly --until 2027-01-31 --why "release week"',
  }
  const grant = commands.add<AdjustmentOptions & { readonly until?: string }>(
    quota,
    plan,
    async (session, [member = '', text = ''], options) => {
      const { window, reason } = adjustmentOf(options, session.world.user)
      const until = options.until === undefined ? undefined : expiryOf('--until', options.until, session.world.now())
      const given = { credits: quotaOf('credits', text), window, until }
      const made = await session.withStore(({ quotas }) => grantQuota(quotas, member, given, reason))
      session.answer(made.map(adjustmentJson), ...saidOf(made, member, 'nothing granted'))
    },
  )
  withReason(grant, 'every limited one')
  grant.option(
    '--until <time>',
    'a date, an instant or a length of time such as 3d (default: to the end of the window, also by a reset)',
  )
}

function addRevoke(quota: Command, commands: CommandSet): void {
  const plan = {
    usage: 'revoke <member>',
    summary: 'take back all grants of a member that still count',
    example: 'admin quota revoke alice --window weekly --why "5000 was a typing error"',
  }
  const revoke = commands.add<AdjustmentOptions>(quota, plan, async (session, [member = ''], options) => {
    const { window, reason } = adjustmentOf(options, session.world.user)
    const made = await session.withStore(({ quotas }) => revokeGrants(quotas, member, window, reason))
    session.answer(
      made.map(adjustmentJson),
      ...saidOf(made, member, `nothing to revoke: no grant of ${member} counts now`),
    )
  })
  withReason(revoke, 'every one')
}

function withReason(command: Command, usual: string): void {
  command
    .option('--window <name>', `5h, daily, weekly or monthly (default: ${usual})`)
    .option('--why <text>', 'the reason, kept with the adjustment')
}

function adjustmentOf({ window, why }: AdjustmentOptions, who: string) {
  return {
    window: window === undefined ? undefined : windowOf('--window', window),
    reason: { who, why: why === undefined ? undefined : textOf('--why', why) },
  }
}

function saidOf(made: readonly QuotaAdjustment[], member: string, none: string): readonly string[] {
  return made.length === 0 ? [none] : made.map((one) => adjustmentLine(member, one))
}
