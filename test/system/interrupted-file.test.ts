import { equal, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync, watch } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { makeTraffic, SEALING_KEY } from '../../bench/ledger-traffic.ts'
import { Folder } from '../support/cli-folder.ts'

const ROWS = 20_000

suite('a command that writes a new file', () => {
  const folder = new Folder()
  folder.env['CODEX_GATEWAY_DATABASE_URL'] = 'sqlite://gateway.db'
  folder.env['CODEX_GATEWAY_SECRET_KEY'] = Buffer.from(SEALING_KEY).toString('hex')
  before(() =>
    makeTraffic(
      join(folder.path, 'gateway.db'),
      { rows: ROWS, days: 3, members: 2, upstreams: 1 },
      Date.now(),
      () => {},
    ),
  )
  after(() => folder[Symbol.asyncDispose]())

  for (const [line, size] of [
    ['admin export --output new', () => readFileSync(join(folder.path, 'new'), 'utf8').split('\n').length - 1],
    ['admin backup new', () => rowsIn(folder, 'new')],
  ] as const) {
    test(`leaves none of that name when it is killed in the middle: ${line}`, async () => {
      // One that was quicker than the signal has made the whole file: it is tried again.
      while (!(await killed(folder, line))) {
        equal(await size(), ROWS)
        rmSync(join(folder.path, 'new'))
      }
      equal(existsSync(join(folder.path, 'new')), false)
      const again = await folder.run(line)
      equal(again.code, 0, again.err)
      equal(await size(), ROWS)
      rmSync(join(folder.path, 'new'))
    })
  }
})

/** Kills the command as soon as there is a new file; whether it was still at it. */
async function killed(folder: Folder, line: string): Promise<boolean> {
  const watcher = watch(folder.path)
  const child = folder.start(line)
  watcher.on('change', (_, name) => String(name).startsWith('new') && child.kill('SIGKILL'))
  await once(child, 'close')
  watcher.close()
  return child.signalCode === 'SIGKILL' && readdirSync(folder.path).some((name) => name.startsWith('new.part-'))
}

/** By the export of a gateway whose database it is. */
async function rowsIn(folder: Folder, database: string): Promise<number> {
  const other = new Folder()
  try {
    Object.assign(other.env, folder.env, { CODEX_GATEWAY_DATABASE_URL: `sqlite://${join(folder.path, database)}` })
    ok(existsSync(join(folder.path, database)))
    return (await other.ok('admin export')).split('\n').length - 1
  } finally {
    await other[Symbol.asyncDispose]()
  }
}
