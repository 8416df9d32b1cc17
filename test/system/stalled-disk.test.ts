import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { rowsAtOnce } from '../support/ledger-file.ts'
import { startStand, until, type Stand } from '../support/stand.ts'
import { untraceable } from '../support/syscalls.ts'
import { ask, turn } from '../support/wire.ts'

/** Longer than anybody waits for an answer of the store. */
const STALL_MS = 13_000

/** The disk takes so long for the next write of each thread into the database's log. */
async function stallDisk({ config }: Stand): Promise<AsyncDisposable> {
  const delay = `inject=pwrite64:delay_enter=${STALL_MS * 1000}:when=1`
  const file = ['-P', `${config.database.path}-wal`, '-e', 'trace=pwrite64', '-e', delay]
  const strace = spawn('strace', ['-f', '-qq', '-o', '/dev/null', ...file, '-p', String(process.pid)])
  await until(() => threads().every((status) => !/^TracerPid:\t0$/m.test(status)) || undefined)
  return {
    async [Symbol.asyncDispose]() {
      const exited = once(strace, 'exit')
      strace.kill('SIGINT')
      await exited
    },
  }
}

function threads(): readonly string[] {
  return readdirSync('/proc/self/task').map((thread) => readFileSync(`/proc/self/task/${thread}/status`, 'utf8'))
}

async function afterTheStall(on: Stand): Promise<void> {
  const isLate = (): true | undefined => on.log.some((line) => line.includes('store_answer_late')) || undefined
  await until(isLate, 3 * STALL_MS)
  // It had been opened, with its first try: nobody else writes such a row.
  await on.settled()
}

/** What is left of the only call. */
function left(on: Stand): unknown {
  const rows = rowsAtOnce(
    on.folder,
    'SELECT ending, refusal, credits, (SELECT COUNT(*) FROM attempts WHERE call = seq) AS attempts FROM calls',
  )
  return rows.map((row) => ({ ...row }))
}

suite('a disk that hangs while a call is opened', { skip: untraceable() }, () => {
  test('leaves no call open whose client went away', async () => {
    await using on = await startStand({ member: { fiveHourQuota: 1_000_000_000n } })
    await using _stall = await stallDisk(on)
    const client = new AbortController()
    const asked = rejects(ask(on.url, { ...turn(on.key), signal: client.signal }))
    await sleep(1500)
    client.abort()
    await asked
    await afterTheStall(on)
    deepEqual(left(on), [{ ending: 'client-left', refusal: null, credits: 0, attempts: 0 }])
    equal(on.simulator.truth().length, 0)
  })

  test('leaves no call open that was refused, and no window of its', async () => {
    await using on = await startStand({
      member: { fiveHourQuota: 1_000_000_000n },
      toml: '[limits]\ncodex_queue_secs = 0.5\n',
    })
    await using _stall = await stallDisk(on)
    match((await ask(on.url, turn(on.key))).text, /cannot write its ledger/)
    await afterTheStall(on)
    deepEqual(left(on), [{ ending: 'refused', refusal: 'ledger_unavailable', credits: 0, attempts: 0 }])
    equal(on.simulator.truth().length, 0)
    const windows = rowsAtOnce(on.folder, 'SELECT opened_at, resets_at FROM windows')
    ok(windows.length > 0)
    for (const { opened_at: openedAt, resets_at: resetsAt } of windows) equal(openedAt, resetsAt)
  })
})
