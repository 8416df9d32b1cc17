import { deepEqual, ok } from 'node:assert/strict'
import { randomInt, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { suite, test, type TestContext } from 'node:test'
import { Acknowledged } from '../support/acknowledged.ts'
import { Disk } from '../support/disk.ts'
import { expectSums } from '../support/kept-sums.ts'
import { expectCalls, expectConnections } from '../support/killed-ledger.ts'
import { compileGateway, type Instant, Killer } from '../support/kills.ts'
import { randomFrom } from '../support/random.ts'
import { serve } from '../support/serve.ts'
import { startGround, type Ground } from '../support/stand.ts'
import { momentsIn, traceOf, tracedTo, untraceable, type Moment } from '../support/syscalls.ts'
import { ask, turn } from '../support/wire.ts'

const KILLS = 10
const SEED = Number(process.env['CRASH_SEED'] ?? randomInt(2 ** 31))
const TIMEOUT_MS = 15 * 60_000

/**
 * The power is not really cut. The gateway's own system calls tell what was on the disk for sure at any instant: what a
 * finished sync covers. With that alone, and with a random part of the rest, its database is opened again.
 */
suite('a gateway whose power is cut', { skip: untraceable() ?? false, timeout: TIMEOUT_MS }, () => {
  test('has all that it has acknowledged on the disk, at every instant', { timeout: TIMEOUT_MS }, async (t) => {
    t.diagnostic(`CRASH_SEED=${SEED}`)
    await using ground = await newGround('power')
    await compileGateway()
    const killer = new Killer(ground, [ground.key], SEED)
    const random = randomFrom(SEED)
    const acknowledged = { cuts: 0, completed: 0, sent: 0 }
    for (let i = 0; i < KILLS; i++) {
      const said = new Acknowledged()
      for (const lost of cuts(await killed(killer, ground), said, [() => false, () => random() < 0.5])) {
        acknowledged.cuts++
        deepEqual(lost, NOTHING, `CRASH_SEED=${SEED}: ${killer.last}, cut ${acknowledged.cuts}`)
      }
      acknowledged.completed += said.completed.size
      acknowledged.sent += said.sent.size
    }
    t.diagnostic(JSON.stringify(acknowledged))
    // What clients and upstream have got was among what the gateway was seen to send.
    ok(acknowledged.completed >= killer.heard.completed.size && killer.heard.completed.size > 0)
    ok(acknowledged.sent >= ground.simulator.truth().length)
    await expectLedger(t, ground, killer)
  })

  test('would be found out if it acknowledged what is not on the disk', { timeout: TIMEOUT_MS }, async () => {
    await using ground = await newGround('process')
    const killer = new Killer(ground, [ground.key], 7)
    const gone = await killed(killer, ground, { phase: 'serving', answers: 10, afterMs: 0 })
    const lost = [...cuts(gone, new Acknowledged(), [() => false])]
    ok(lost.some(({ completed }) => completed.length > 0) && lost.some(({ sent }) => sent.length > 0))
    ok(lost.every(({ check }) => check === 'ok'))
  })
})

/** What a gateway did until it was killed, and the disk as it found it. */
interface Gone {
  readonly moments: readonly Moment[]
  readonly disk: Disk
}

async function killed(killer: Killer, ground: Ground, instant?: Instant): Promise<Gone> {
  const path = join(ground.folder, 'gateway.db')
  const disk = new Disk([path, `${path}-wal`])
  const trace = join(ground.folder, `trace-${randomUUID()}`)
  const pid = await killer.kill({ under: tracedTo(trace) }, instant)
  const moments = momentsIn(await traceOf(trace, pid))
  rmSync(trace, { force: true })
  return { moments, disk }
}

/** Cuts the power whenever the gateway has acknowledged something. `reached` says what of the rest is on the disk. */
function* cuts({ moments, disk }: Gone, said: Acknowledged, reached: readonly (() => boolean)[]): Generator<Lost> {
  for (const moment of moments) {
    disk.follow(moment)
    if (!said.follow(moment)) continue
    for (const each of reached) yield lostIn(disk.afterCut(each), said)
  }
}

interface Lost {
  readonly completed: readonly string[]
  readonly sent: readonly string[]
  /** What SQLite says of the file. */
  readonly check: unknown
}

const NOTHING: Lost = { completed: [], sent: [], check: 'ok' }

/** What was acknowledged and is not in the ledger that a cut has left. */
function lostIn(files: ReadonlyMap<string, Buffer>, said: Acknowledged): Lost {
  const folder = mkdtempSync(join(tmpdir(), 'codex-gateway-cut-'))
  try {
    for (const [path, content] of files) writeFileSync(join(folder, basename(path)), content)
    using db = new DatabaseSync(join(folder, 'gateway.db'))
    const ids = (query: string): ReadonlySet<unknown> =>
      new Set(
        db
          .prepare(query)
          .all()
          .map(({ id }) => id),
      )
    const completed = ids(`SELECT response_id AS id FROM calls WHERE ending = 'complete' AND precision = 'exact'`)
    const sent = ids('SELECT turn_id AS id FROM calls WHERE EXISTS (SELECT 1 FROM attempts WHERE call = calls.seq)')
    return {
      completed: [...said.completed].filter((id) => !completed.has(id)),
      sent: [...said.sent].filter((id) => !sent.has(id)),
      check: db.prepare('PRAGMA integrity_check').get()?.['integrity_check'],
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Through `kill -9` all of it holds as it does where no power is feared for. */
async function expectLedger(t: TestContext, ground: Ground, { heard, story }: Killer): Promise<void> {
  deepEqual(heard.odd, [])
  await using last = await serve(ground.configFile)
  const id = randomUUID()
  heard.asked.add(id)
  ok((await ask(last.url, turn(ground.key, { turn: id }))).whole)
  t.diagnostic(JSON.stringify(await expectCalls(ground.folder, ground.simulator, heard, story)))
  await expectConnections(ground.folder, heard, story)
  await expectSums(ground.folder)
}

async function newGround(durability: 'process' | 'power'): Promise<Ground> {
  const unlimited = 10n ** 18n
  return await startGround({
    simulator: { text: 'A short answer.', eventDelayMs: 3, tokens: 'bytes', keepFrames: 100_000 },
    toml: `[database]\ndurability = "${durability}"\n`,
    member: {
      maxConcurrent: 0,
      fiveHourQuota: unlimited,
      dailyQuota: unlimited,
      weeklyQuota: unlimited,
      monthlyQuota: unlimited,
    },
    upstreams: [{ name: 'alpha', maxConcurrent: 100 }],
  })
}
