import type { Command } from 'commander'
import { DAY_MS } from '../core/reconcile.ts'
import type { EpochMs } from '../core/units.ts'
import type { Days } from '../ports.ts'
import type { CommandSet } from './cli-session.ts'
import { dayOf, percentOf } from './option-values.ts'
import { reconcile } from './reconcile.ts'
import { RECONCILE_COLUMNS, reconciliationJson, rowLine, verdictLines } from './reconcile-form.ts'
import { table } from './table.ts'
import { WrongUse } from './wrong-use.ts'

interface ReconcileFlags {
  readonly from?: string
  readonly to?: string
  readonly threshold?: string
}

/** What is compared where nothing is said: the last week that is over. */
const USUAL_DAYS = 7
const MOST_DAYS = 366
/** OpenAI may make us wait, but not for ever. */
const DEADLINE_MS = 30 * 60_000

const DRIFTED = 1

export function addReconcileCommand(admin: Command, commands: CommandSet): void {
  commands
    .add<ReconcileFlags>(
      admin,
      {
        usage: 'reconcile',
        summary: 'compare the ledger with OpenAI’s own books; ends with 1 when the drift is above the threshold',
        example: 'admin reconcile --from 2026-11-01 --to 2026-11-30 --threshold 1',
      },
      async (session, _, flags) => {
        const now = session.world.now()
        const days = daysOf(flags, now)
        const { reconcile: settings } = session.load()
        const threshold = flags.threshold === undefined ? settings.threshold : percentOf('--threshold', flags.threshold)
        const result = await session.withStore((store) =>
          reconcile(store, {
            days,
            now,
            threshold,
            settleMs: settings.settleMs,
            signal: AbortSignal.timeout(DEADLINE_MS),
          }),
        )
        const { terminal } = session.world
        if (session.json) session.answer(reconciliationJson(result))
        else {
          if (terminal.interactive) terminal.print(table(RECONCILE_COLUMNS, result.rows, terminal.colour))
          const rows = terminal.interactive ? [] : result.rows.map(rowLine)
          session.answer(undefined, ...rows, ...verdictLines(result))
        }
        return result.over ? DRIFTED : 0
      },
    )
    .option('--from <date>', `first day, UTC (default: ${USUAL_DAYS} days up to --to)`)
    .option('--to <date>', 'last day, UTC (default: yesterday)')
    .option('--threshold <percent>', 'the drift that is still right (default from the configuration)')
}

function daysOf({ from, to }: ReconcileFlags, now: EpochMs): Days {
  const today = now - (now % DAY_MS)
  // There is nothing to compare after today.
  const end = to === undefined ? today : Math.min(dayOf('--to', to), today) + DAY_MS
  const start = from === undefined ? end - USUAL_DAYS * DAY_MS : dayOf('--from', from)
  if (start > today) throw new WrongUse(`--from ${JSON.stringify(from)}: must be a day that has begun`)
  if (start >= end) throw new WrongUse('the last day (--to, else yesterday) must not be before the first (--from)')
  if (end - start > MOST_DAYS * DAY_MS) throw new WrongUse(`at most ${MOST_DAYS} days can be compared at once`)
  return { from: start, to: end }
}
