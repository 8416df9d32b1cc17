import type { Command } from 'commander'
import type { UsageDimension } from '../ports.ts'
import type { CommandSet, ListFormat, Session } from './cli-session.ts'
import { choiceOf, choicesOf } from './option-values.ts'
import { fullHours, type Stretch } from './stretch.ts'
import { memberUsageForm, sumForm } from './usage-forms.ts'
import { WrongUse } from './wrong-use.ts'

const DIMENSIONS: readonly UsageDimension[] = ['member', 'key', 'model', 'upstream', 'kind', 'day', 'hour']
const FORMATS: readonly ListFormat[] = ['table', 'csv', 'json']

interface UsageFlags {
  readonly since?: string
  readonly until?: string
  readonly by?: string
  readonly format?: string
}

export function addUsageCommand(admin: Command, commands: CommandSet): void {
  commands
    .add<UsageFlags>(
      admin,
      {
        usage: 'usage',
        summary: 'show what was used, by each member today (UTC) unless told otherwise',
        example: 'admin usage --since 30d --by member,model --format csv',
      },
      async (session, _, flags) => {
        const format = formatOf(session, flags.format)
        const by = flags.by === undefined ? undefined : choicesOf('--by', flags.by, DIMENSIONS)
        const asked = fullHours(flags, session.world.now())
        const none = flags.since === undefined && flags.until === undefined ? 'no usage recorded today' : NONE
        await (by ? showSums(session, asked, by, { format, none }) : showMembers(session, asked, { format, none }))
      },
    )
    .option(
      '--since <time>',
      'from this on: a date, an instant at the full hour, or a length of time back (default today)',
    )
    .option('--until <time>', 'up to this, itself not in it (default the end of today)')
    .option('--by <what>', `sums by ${DIMENSIONS.join(', ')}; several with commas between`)
    .option('--format <form>', `${FORMATS.join(', ')} (default a table on a terminal, else plain lines)`)
}

const NONE = 'no usage recorded in that time'

interface Shown {
  readonly format: ListFormat | undefined
  readonly none: string
}

async function showMembers(session: Session, { from, to }: Stretch, { format, none }: Shown): Promise<void> {
  const usage = await session.withStore(({ reports }) => reports.usage(from, to))
  session.list(usage, memberUsageForm(none), format)
}

async function showSums(
  session: Session,
  stretch: Stretch,
  by: readonly UsageDimension[],
  { format, none }: Shown,
): Promise<void> {
  const sums = await session.withStore(({ reports }) => reports.usageBy({ ...stretch, by }))
  session.list(sums, sumForm(by, none), format)
}

/** Throws WrongUse where `--json` and `--format` say different things. */
export function formatOf(session: Session, text: string | undefined): ListFormat | undefined {
  if (text === undefined) return undefined
  const format = choiceOf('--format', text, FORMATS)
  if (session.json && format !== 'json') throw new WrongUse(`--format ${format}: does not go with --json`)
  return format
}
