/** Another process on the same database, for the tests to run and to kill: `sqlite-child.ts MODE PATH [ARGUMENT]`. */
import { writeSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { openStore, type Store } from '../../src/adapters/store/store.ts'
import { newCall, newEntry, populate, silent, T0 } from './bench.ts'
import { becomeKnown } from './front-kit.ts'

const [, , mode = '', path = '', argument = ''] = process.argv

/** Straight into the pipe: what was said stays said when the process is killed. */
function say(line: string): void {
  for (;;) {
    try {
      writeSync(1, `${line}\n`)
      return
    } catch (cause) {
      // The reader is behind: the pipe is full.
      if (!(cause instanceof Error && 'code' in cause && cause.code === 'EAGAIN')) throw cause
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    }
  }
}

function open(role: 'serve' | 'cli'): Promise<Store> {
  return openStore({
    path,
    create: true,
    durability: 'process',
    role,
    sealingKey: new Uint8Array(32).fill(7),
    log: silent,
  })
}

const modes: Readonly<Record<string, () => Promise<void>>> = {
  /** Serves until it is killed. */
  async serve() {
    await open('serve')
    say('serving')
    await sleep(60_000)
  },

  /** Opens the store and closes it again. */
  async open() {
    await using store = await open('cli')
    await store.ledger.probe()
    say('opened')
  },

  /** Adds the member named by the argument, with a key and an upstream. */
  async add() {
    await using store = await open('cli')
    await populate(store, { name: argument }, `${argument}-upstream`)
    say('added')
  },

  /** Holds the write lock for as many milliseconds as the argument says. */
  async lock() {
    const db = new DatabaseSync(path)
    db.exec('BEGIN IMMEDIATE')
    say('locked')
    await sleep(Number(argument))
    db.exec('COMMIT')
    db.close()
    say('unlocked')
  },

  /**
   * Settles calls while the database cannot be written, opens others, with a try and without, says which, and waits to be
   * killed: all of them are in the journal alone.
   */
  async promise() {
    const store = await open('serve')
    const world = await populate(store, { name: 'promised', fiveHourQuota: 0n }, 'promised')
    await becomeKnown(store, world, path)
    const lock = new DatabaseSync(path)
    lock.exec('BEGIN IMMEDIATE')
    const now = T0 + 1
    for (const what of ['settled', 'settled', 'settled', 'attempted', 'attempted', 'opened']) {
      const call = newCall(world, now, { hold: 11n })
      await store.ledger.open(call, [], now)
      if (what !== 'opened') await store.ledger.attempt(call.id, world.upstream.id, now)
      const made = { upstream: world.upstream.id, status: 200, errorClass: undefined, sent: true, startedAt: now }
      const entry = newEntry(call.id, now, { credits: 7n, attempts: [{ ...made, durationMs: 1 }] })
      if (what === 'settled') await store.ledger.settle(entry)
      say(`${what} ${call.id}`)
    }
    say('promised')
    await sleep(60_000)
    lock.close()
  },

  /** Settles calls until the store cannot write any more. */
  async fill() {
    await using store = await open('serve')
    const world = await populate(store, { fiveHourQuota: 0n }, `fill-${process.pid}`)
    for (let count = 0; ; count += 1) {
      const now = Date.now()
      const call = newCall(world, now)
      try {
        await store.ledger.open(call, [], now)
        await store.ledger.settle(newEntry(call.id, now, { credits: 7n }))
      } catch (cause) {
        say(`settled ${count}, then ${cause instanceof Error && cause.name}`)
        break
      }
    }
    for (let count = 0; count < 5; count += 1) {
      await store.ledger.probe().catch((cause: unknown) => say(`probe ${cause instanceof Error && cause.name}`))
    }
  },

  /** Many calls at once until it is killed, saying what the store has acknowledged. */
  async load() {
    const store = await open('serve')
    const world = await populate(store, { name: `load-${process.pid}`, fiveHourQuota: 0n }, `load-${process.pid}`)
    const loop = async (): Promise<void> => {
      for (;;) {
        const now = Date.now()
        const call = newCall(world, now, { hold: 11n })
        await store.ledger.open(call, [], now)
        say(`opened ${call.id}`)
        await store.ledger.attempt(call.id, world.upstream.id, now)
        say(`attempted ${call.id}`)
        await store.ledger.settle(newEntry(call.id, now, { credits: 7n }))
        say(`settled ${call.id}`)
      }
    }
    await Promise.all(Array.from({ length: 12 }, loop))
  },
}

await modes[mode]?.()
