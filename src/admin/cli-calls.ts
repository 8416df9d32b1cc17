import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { CallKind } from '../core/intent.ts'
import type { CallFilter, CallRow, Ending, TailMark } from '../ports.ts'
import { storyJson, storyLines } from './call-story.ts'
import type { CommandSet, Session } from './cli-session.ts'
import { callJson } from './json-form.ts'
import { callLine } from './lines.ts'
import { choiceOf, countOf, statusOf } from './option-values.ts'
import { callOf, checkNames, passes } from './spending.ts'
import { anyStretch } from './stretch.ts'
import { CALL_COLUMNS } from './table.ts'
import { WrongUse } from './wrong-use.ts'

const KINDS: readonly CallKind[] = [
  'turn',
  'compaction',
  'prewarm',
  'thread_title',
  'review',
  'subagent',
  'realtime',
  'transcription',
  'search',
  'realtime_call',
]

const ENDINGS: readonly (Ending | 'open')[] = [
  'complete',
  'client-left',
  'upstream-broke',
  'upstream-failed',
  'timed-out',
  'cut',
  'refused',
  'interrupted',
  'open',
]

const FOLLOW_MS = 250

interface CallFlags {
  readonly member?: string
  readonly model?: string
  readonly upstream?: string
  readonly kind?: string
  readonly status?: string
  readonly ending?: string
  readonly since?: string
  readonly until?: string
  readonly limit?: string
  readonly follow?: boolean
}

export function addCallCommands(admin: Command, commands: CommandSet): void {
  commands
    .add<CallFlags>(
      admin,
      {
        usage: 'calls',
        summary: 'show the newest calls, or those to come',
        example: 'admin calls --member alice --status 5xx --since 1d',
      },
      async (session, _, flags) => {
        const filter = filterOf(flags, session.world.now())
        if (flags.follow === true) return await follow(session, filter, flags)
        const limit = countOf('--limit', flags.limit ?? '50', 1, { of: 'calls', example: '50' })
        const calls = await session.withStore(async (store) => {
          await checkNames(store.registry, filter)
          return await store.reports.calls({ ...filter, limit })
        })
        session.list(calls, { json: callJson, line: callLine, columns: CALL_COLUMNS, none: 'no calls recorded' })
      },
    )
    .option('--member <name>', 'of this member alone')
    .option('--model <name>', 'that asked for this model')
    .option('--upstream <name>', 'that this upstream key answered')
    .option('--kind <kind>', KINDS.join(', '))
    .option('--status <status>', 'answered so: 500, or 5xx')
    .option('--ending <ending>', ENDINGS.join(', '))
    .option('--since <time>', 'started from this on: a date, an instant, or a length of time back such as 2h')
    .option('--until <time>', 'started before this')
    .option('--limit <count>', 'how many at most (default 50)')
    .option('--follow', 'show calls as they are settled, until interrupted')

  commands.add(
    admin,
    {
      usage: 'call <id>',
      summary: 'show all that the ledger knows of a call; the beginning of its id will do',
      example: 'admin call 0199f3c2-7b1d-7000-8000-3f1e5a6b7c8d',
    },
    async (session, [id = '']) => {
      const story = await session.withStore((store) => callOf(store.reports, id))
      session.answer(storyJson(story), ...storyLines(story))
    },
  )
}

function filterOf(flags: CallFlags, now: number): CallFilter {
  const { member, model, upstream, kind, status, ending, since, until } = flags
  const said = since === undefined && until === undefined ? undefined : anyStretch(flags, now)
  return {
    member,
    model,
    upstream,
    kind: kind === undefined ? undefined : choiceOf('--kind', kind, KINDS),
    status: status === undefined ? undefined : statusOf('--status', status),
    ending: ending === undefined ? undefined : choiceOf('--ending', ending, ENDINGS),
    since: said?.from,
    until: said?.to,
  }
}

/** One line, or one JSON document on a line, for each call when it is settled; ends when nobody reads any more. */
async function follow(session: Session, filter: CallFilter, flags: CallFlags): Promise<void> {
  const bound = (['since', 'until', 'limit'] as const).find((name) => flags[name] !== undefined)
  if (bound !== undefined)
    throw new WrongUse(`--${bound}: does not go with --follow, which shows what is still to come`)
  if (flags.ending === 'open') throw new WrongUse('--ending open: does not go with --follow, which shows settled calls')
  const { terminal } = session.world
  const say = (call: CallRow): void =>
    terminal.print(`${session.json ? JSON.stringify(callJson(call)) : callLine(call)}\n`)
  await session.withStore(async ({ registry, reports }) => {
    await checkNames(registry, filter)
    let mark: TailMark | undefined
    while (!terminal.unread.aborted) {
      const news = await reports.tail(mark)
      for (const call of news.calls) if (passes(call, filter)) say(call)
      mark = news.mark
      await sleep(FOLLOW_MS, undefined, { signal: terminal.unread }).catch(() => undefined) // Then the loop ends.
    }
  })
}
