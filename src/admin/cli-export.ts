import type { Command } from 'commander'
import type { CommandSet, Session } from './cli-session.ts'
import { exportCalls, intoFile, type Sink } from './export.ts'
import { choiceOf, fileOf } from './option-values.ts'
import { prunedWarning } from './pruned.ts'
import { anyStretch } from './stretch.ts'
import { wholeNumber } from './table.ts'
import { WrongUse } from './wrong-use.ts'

const FORMATS = ['csv', 'jsonl'] as const

interface ExportFlags {
  readonly since?: string
  readonly until?: string
  readonly format: string
  readonly output?: string
}

export function addExportCommand(admin: Command, commands: CommandSet): void {
  commands
    .add<ExportFlags>(
      admin,
      {
        usage: 'export',
        summary: 'write out calls one by one, the oldest first',
        example: 'admin export --since 2026-11-01 --until 2026-12-01 --format csv --output november.csv',
      },
      async (session, _, flags) => {
        const { from, to } = anyStretch(flags, session.world.now())
        const format = choiceOf('--format', flags.format, FORMATS)
        const output = flags.output === undefined ? undefined : fileOf('--output', flags.output)
        if (session.json && output === undefined) {
          throw new WrongUse('--json: the calls themselves go to standard output; give --format jsonl, or --output')
        }
        const range = { since: from, until: to }
        // Among calls that scroll by on the same terminal a bar would only be in the way.
        const { watched, interactive } = session.world.terminal
        const bar = new Bar(session, watched && (output !== undefined || !interactive))
        const run = (sink: Sink) =>
          session.withStore(async ({ reports }) => {
            const done = await exportCalls(reports, range, { format, sink }, (count, share) => bar.show(count, share))
            return { ...done, pruned: await reports.pruned({ from, to, member: undefined }) }
          })
        try {
          const { calls, open, pruned } = await (output === undefined
            ? run(standardOutput(session))
            : intoFile(output, run))
          bar.clear()
          session.warn(openWarning(open))
          session.warn(prunedWarning(pruned, 'they are missing, and refused calls of that time too'))
          if (output !== undefined) {
            session.answer({ file: output, calls, open, pruned: pruned.calls }, `${calls} calls written to ${output}`)
          }
        } finally {
          bar.clear()
        }
      },
    )
    .option('--since <time>', 'started from this on: a date, an instant, or a length of time back (default the first)')
    .option('--until <time>', 'started before this (default the last)')
    .option('--format <form>', FORMATS.join(' or '), 'jsonl')
    .option('--output <file>', 'into this new file (default standard output)')
}

/** They are in no later stretch: only this one, written again, has what they cost. */
function openWarning(open: number): readonly string[] {
  if (open === 0) return []
  return [
    `${wholeNumber(open)} of these calls have not ended, and no cost yet: export this time again later to have what they cost`,
  ]
}

function standardOutput({ world: { terminal } }: Session): Sink {
  return {
    async write(text) {
      terminal.print(text)
      await terminal.taken()
    },
    ended: () => terminal.unread.aborted,
  }
}

const WIDTH = 30
const EVERY_MS = 100

/** How far it is, on standard error. */
class Bar {
  readonly #session: Session
  readonly #wanted: boolean
  #shownMs = -Infinity
  #there = false

  constructor(session: Session, wanted: boolean) {
    this.#session = session
    this.#wanted = wanted
  }

  show(done: number, share: number): void {
    const { terminal } = this.#session.world
    const now = performance.now()
    if (!this.#wanted || (now - this.#shownMs < EVERY_MS && share < 1)) return
    this.#shownMs = now
    this.#there = true
    const full = Math.round(share * WIDTH)
    const bar = `${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}`
    terminal.complain(`\r[${bar}] ${Math.floor(share * 100)} %, ${wholeNumber(done)} calls`)
  }

  clear(): void {
    if (this.#there) this.#session.world.terminal.complain('\r\u001B[K')
    this.#there = false
  }
}
