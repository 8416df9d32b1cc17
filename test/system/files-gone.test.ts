import { equal, match, ok, rejects } from 'node:assert/strict'
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { journalPathOf } from '../../src/adapters/store/journal.ts'
import { serve, type Served } from '../support/serve.ts'
import { startGround, type Ground } from '../support/stand.ts'
import { ask, turn } from '../support/wire.ts'

const GIVE_UP_MS = 60_000

const simulator = { tokens: 'bytes' } as const

async function callOn(gateway: Served, ground: Ground): Promise<void> {
  match((await ask(gateway.url, turn(ground.key, { stream: false }))).text, /"status":"completed"/)
}

/** One that goes on would have its test wait without end. */
async function endOf(gateway: Served): Promise<unknown> {
  return await Promise.race([gateway.ended, sleep(GIVE_UP_MS, 'it goes on', { ref: false })])
}

/** What an operator does to the files by mistake, and how the gateway puts it. */
const MISTAKES: readonly (readonly [what: string, act: (path: string) => void, told: RegExp])[] = [
  [
    'is removed with its log',
    (path) => ['', '-wal', '-shm'].forEach((ending) => rmSync(path + ending)),
    /gateway\.db was removed while it was in use/,
  ],
  [
    'is replaced by a copy',
    (path) => {
      copyFileSync(path, `${path}.copy`)
      renameSync(`${path}.copy`, path)
    },
    /gateway\.db was replaced while it was in use/,
  ],
  [
    'is moved with its folder',
    (path) => renameSync(dirname(path), `${dirname(path)}.old`),
    /gateway\.db was removed while it was in use/,
  ],
  ['loses its lock', (path) => rmSync(`${path}.lock`), /gateway\.db\.lock was removed while it was in use/],
  ['loses its journal', (path) => rmSync(journalPathOf(path)), /gateway\.db-entries was removed while it was in use/],
]

suite('a gateway whose database', { concurrency: 2 }, () => {
  for (const [what, act, told] of MISTAKES) {
    test(`${what} says so and ends`, async () => {
      await using ground = await startGround({ simulator })
      await using gateway = await serve(ground.configFile)
      await callOn(gateway, ground)
      act(ground.config.database.path)
      equal(await endOf(gateway), 1)
      match(gateway.stderr(), /error gateway lost its store/)
      match(gateway.stderr(), told)
      rmSync(`${ground.folder}.old`, { recursive: true, force: true })
    })
  }

  test('is moved away keeps its journal, and has every call when it is moved back', async () => {
    await using ground = await startGround({ simulator })
    const { path } = ground.config.database
    {
      await using gateway = await serve(ground.configFile)
      await callOn(gateway, ground)
      await callOn(gateway, ground)
      renameSync(path, `${path}.away`)
      equal(await endOf(gateway), 1)
    }
    ok(existsSync(journalPathOf(path)))
    await rejects(serve(ground.configFile), /there is no database .*gateway\.db/)
    renameSync(`${path}.away`, path)
    await using gateway = await serve(ground.configFile)
    await callOn(gateway, ground)
    equal((await ground.settled()).length, 3)
  })

  test('is a link that points elsewhere by now says so and ends', async () => {
    await using ground = await startGround({ simulator })
    const { path } = ground.config.database
    const elsewhere = join(ground.folder, 'elsewhere')
    mkdirSync(elsewhere)
    renameSync(path, join(elsewhere, 'one.db'))
    symlinkSync(join(elsewhere, 'one.db'), path)
    await using gateway = await serve(ground.configFile)
    await callOn(gateway, ground)
    copyFileSync(join(elsewhere, 'one.db'), join(elsewhere, 'other.db'))
    rmSync(path)
    symlinkSync(join(elsewhere, 'other.db'), path)
    equal(await endOf(gateway), 1)
    match(gateway.stderr(), /gateway\.db was replaced while it was in use/)
  })
})
