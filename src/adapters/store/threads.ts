import { realpathSync, rmSync } from 'node:fs'
import type { DueWarning } from '../../core/quota.ts'
import type { Ledger, Log } from '../../ports.ts'
import { BackgroundThread } from './background-thread.ts'
import type { EngineOptions } from './engine.ts'
import type { Executor } from './executor.ts'
import { FrontLedger, type Answered } from './front-ledger.ts'
import { Journal, journalPathOf } from './journal.ts'
import { LedgerHealth } from './ledger-health.ts'
import { KeptFiles } from './kept-files.ts'
import type { Input, OperationName, Output } from './operations.ts'
import { openOwnThread } from './own-thread.ts'
import { WorkerThread } from './worker-thread.ts'
import { WriteBehind } from './write-behind.ts'

/** Who carries out what the store is asked, in which thread. */
export interface Threads {
  /** For what must not wait for anything. */
  readonly plain: Executor
  /** Both know all that was promised before. */
  readonly writer: Executor
  readonly reader: Executor
  /** What of the ledger is answered before the database has it. */
  readonly calls: Partial<Pick<Ledger, Answered | 'probe'>>
  /** Hears of warnings that no settlement told of: those of what was promised. */
  onWarnings(act: (warnings: readonly DueWarning[]) => void): void
  /** Resolves, with the reason, when the writer has died, or a file of the database is not the one that was opened any more. */
  readonly lost: Promise<string>
  /** Begins what need not be there at once. */
  start(): void
  close(): Promise<void>
}

interface Opened {
  readonly threads: Threads
  readonly warnings: readonly string[]
}

export function inOwnThread(options: EngineOptions): Opened {
  const { executor, warnings } = openOwnThread(options)
  const lost = new Promise<string>(() => undefined)
  const close = (): Promise<void> => executor.close()
  const one = { plain: executor, writer: executor, reader: executor }
  return { threads: { ...one, calls: {}, onWarnings: () => undefined, lost, start: () => undefined, close }, warnings }
}

/** A thread that writes and one that reads. A journal keeps promises for as long as the process may die, not the machine. */
export async function openThreads(options: EngineOptions, pollMs: number, log: Log): Promise<Opened> {
  const { executor, warnings } = await WorkerThread.open(options, log)
  const background = new BackgroundThread({ ...options, role: 'background' }, log)
  const health = new LedgerHealth(executor, log)
  const behind = writeBehind(health.executor, options, log)
  const probe = (): Promise<void> => health.probe(behind?.records)
  const calls = { ...(behind && front({ executor, health }, behind.records, options)), probe }
  const files = await KeptFiles.of(options.path)
  const threads = {
    plain: executor,
    writer: behind ? after(behind.records, health.executor) : health.executor,
    reader: behind ? after(behind.records, background) : background,
    calls,
    onWarnings: (act: (warnings: readonly DueWarning[]) => void) => behind?.records.onWarnings(act),
    lost: Promise.race([executor.lost, files.lost]),
    start: () => {
      background.start()
      files.follow(pollMs)
    },
    close: async () => {
      files.stop()
      health.end()
      await behind?.records.close()
      // Before SQLite takes its own files away. A journal may be all that is left of what it promised.
      await files.look()
      // And while the serve lock is held: the next to take it makes a journal of this name at once.
      behind?.journal.close({ keep: files.isLost })
      await Promise.all([background.close(), executor.close()])
    },
  }
  return { threads, warnings }
}

/** Undefined, and every call waits for the database, where there is to be no journal, or can be none. */
function writeBehind(
  executor: Executor,
  { path, instance, durability }: EngineOptions,
  log: Log,
): { readonly records: WriteBehind; readonly journal: Journal } | undefined {
  const database = realpathSync(path)
  // What an earlier process left in it has been done when the database was opened.
  if (durability === 'power') {
    rmSync(journalPathOf(database), { force: true })
    return undefined
  }
  try {
    const journal = new Journal(database, instance)
    return { journal, records: new WriteBehind(executor, journal, log) }
  } catch (cause) {
    log.error('journal_failed', { message: String(cause) })
    return undefined
  }
}

function front(
  { executor, health }: { readonly executor: WorkerThread; readonly health: LedgerHealth },
  records: WriteBehind,
  { quota }: EngineOptions,
): Pick<Ledger, Answered> {
  const ledger = new FrontLedger(health.executor, records, quota?.warnAt ?? [])
  executor.onForgotten(() => ledger.forget())
  return {
    open: (call, heldBefore, now) => ledger.open(call, heldBefore, now),
    attempt: (...attempt) => ledger.attempt(...attempt),
    settle: (entry) => ledger.settle(entry),
    refuse: (call) => ledger.refuse(call),
    standing: (...asked) => ledger.standing(...asked),
    connected: (connection) => ledger.connected(connection),
    disconnected: (closed) => ledger.disconnected(closed),
  }
}

/** The same executor, to which everything is known that was promised before it is asked. */
function after(records: WriteBehind, executor: Executor): Executor {
  return {
    request: async <N extends OperationName>(name: N, ...input: Input<N>): Promise<Output<N>> => {
      // Where that fails, this fails too, or can do without.
      if (!records.isUpToDate) await records.applied().catch(() => undefined)
      return await executor.request(name, ...input)
    },
    close: () => executor.close(),
  }
}
