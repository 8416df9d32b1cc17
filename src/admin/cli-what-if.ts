import type { Command } from 'commander'
import { exactCredits } from '../core/exact-json.ts'
import type { WindowMode } from '../core/quota.ts'
import { creditsText } from '../core/units.ts'
import type { CommandSet, Session } from './cli-session.ts'
import { time } from './json-form.ts'
import { instant, pairs } from './lines.ts'
import { choiceOf, quotaOf, sinceOf } from './option-values.ts'
import { prunedWarning } from './pruned.ts'
import { instantCell, type Column } from './table.ts'
import { whatIf, type RefusedStretch } from './what-if.ts'

const MODES: readonly WindowMode[] = ['anchored', 'rolling']

interface WhatIfOptions {
  readonly fiveHour: string
  readonly daily: string
  readonly weekly: string
  readonly monthly: string
  readonly quotaWindow?: string
  readonly since: string
}

/** `admin quota what-if`: tries limits on the calls that have been. */
export function addWhatIf(quota: Command, commands: CommandSet): void {
  const plan = {
    usage: 'what-if',
    summary: 'show who would have been refused, and when, under other limits for everybody',
    example: 'admin quota what-if --five-hour 50 --weekly 200 --since 2026-11-01',
  }
  const command = commands.add<WhatIfOptions>(quota, plan, async (session, _, options) => {
    const trial = {
      fiveHourQuota: quotaOf('--five-hour', options.fiveHour),
      dailyQuota: quotaOf('--daily', options.daily),
      weeklyQuota: quotaOf('--weekly', options.weekly),
      monthlyQuota: quotaOf('--monthly', options.monthly),
      quotaWindow: modeOf(session, options.quotaWindow),
    }
    const now = session.world.now()
    const since = sinceOf('--since', options.since, now)
    const stretches = await session.withStore(async ({ quotas, reports }) => {
      const found = await whatIf(quotas, trial, since)
      const pruned = await reports.pruned({ from: since, to: now, member: undefined })
      session.warn(prunedWarning(pruned, 'the limits were not tried on them'))
      return found
    })
    const none = 'nobody would have been refused'
    session.list(stretches, { json: stretchJson, line: stretchLine, columns: STRETCH_COLUMNS, none })
  })
  command
    .option('--five-hour <credits>', 'credits per 5 hours, 0 = unlimited', '0')
    .option('--daily <credits>', 'credits per 24 hours, 0 = unlimited', '0')
    .option('--weekly <credits>', 'credits per 7 days, 0 = unlimited', '0')
    .option('--monthly <credits>', 'credits per 30 days, 0 = unlimited', '0')
    .option('--quota-window <mode>', `${MODES.join(' or ')} (default: as the configuration says)`)
    .option('--since <time>', 'a date, an instant, or a length of time back from now', '30d')
}

function modeOf(session: Session, text: string | undefined): WindowMode {
  return text === undefined ? session.load().defaults.quotaWindow : choiceOf('--quota-window', text, MODES)
}

function stretchJson(stretch: RefusedStretch): object {
  const { member, window, from, to, calls, credits } = stretch
  return { member, window, from: time(from), to: time(to), calls, credits: exactCredits(credits) }
}

function stretchLine({ member, window, from, to, calls, credits }: RefusedStretch): string {
  return `${instant(from)}: ${pairs({ member, window, to: instant(to), calls, credits: creditsText(credits) })}`
}

const STRETCH_COLUMNS: readonly Column<RefusedStretch>[] = [
  { title: 'MEMBER', of: (row) => row.member },
  { title: 'WINDOW', of: (row) => row.window },
  { title: 'FROM', of: (row) => instantCell(row.from) },
  { title: 'TO', of: (row) => instantCell(row.to) },
  { title: 'CALLS', of: (row) => row.calls, right: true },
  { title: 'CREDITS', of: (row) => creditsText(row.credits), right: true },
]
