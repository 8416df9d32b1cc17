import { deepEqual, equal, match } from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { suite, test } from 'node:test'
import { SUMS_ANEW } from '../../bench/sums-anew.ts'
import { DAY_MS } from '../../src/core/calendar.ts'
import { Folder } from '../support/cli-folder.ts'
import { until } from '../support/stand.ts'

const SETTINGS = `
[server]
bind_addr = "127.0.0.1:0"
[database]
url = "sqlite://gateway.db"
[retention]
calls_days = 1
`

async function folderWithGateway(): Promise<Folder> {
  const folder = new Folder()
  writeFileSync(join(folder.path, 'gateway.toml'), SETTINGS)
  folder.env['CODEX_GATEWAY_CONFIG'] = 'gateway.toml'
  await folder.ok('admin init')
  await folder.ok('admin add-member alice')
  await folder.ok('admin add-codex-key alice')
  return folder
}

suite('a gateway that runs', () => {
  test('is backed up, keeps a copy from taking its place, and comes back from it once it has stopped', async () => {
    await using folder = await folderWithGateway()
    const server = folder.start('serve')
    const [ready] = (await once(server.stdout, 'data')) as [Buffer]
    match(String(ready), /^listening on/)
    const said = await folder.ok('admin backup copy.db')
    match(
      said,
      /^sqlite:\/\/gateway\.db copied to copy\.db .*\nthe sealing key is not in the copy: keep .*gateway\.db\.key too/,
    )
    const again = await folder.run('admin backup copy.db')
    deepEqual([again.code, again.out], [2, ''])
    match(again.err, /^error: .*copy\.db is there already: nothing is overwritten\n$/)
    await folder.ok('admin add-member bob')
    const refused = await folder.run('admin restore copy.db')
    deepEqual([refused.code, refused.out], [1, ''])
    match(refused.err, /^error: another codex-gateway already serves from .*gateway\.db: stop it first/)
    server.kill('SIGTERM')
    await once(server, 'close')
    const { replaced } = await folder.json('admin restore copy.db')
    match(String(replaced), /gateway\.db\.replaced-\d{8}T\d{6}Z$/)
    equal(existsSync(String(replaced)), true)
    match(await folder.ok('admin list-members'), /^alice: .*\n$/)
    equal(readFileSync(join(folder.path, 'gateway.toml'), 'utf8'), SETTINGS)
  })

  test('deletes calls that are older than its settings say, and shows their sums all the same', async () => {
    await using folder = await folderWithGateway()
    const path = join(folder.path, 'gateway.db')
    const old = Date.now() - 3 * DAY_MS
    const db = new DatabaseSync(path)
    const insert = db.prepare(`
      INSERT INTO calls (id, instance, member, gateway_key, kind, transport, path, started_at, admitted_at, hold, ended_at,
        ending, status, precision, credits)
      VALUES (?, 'x', 1, 1, 'turn', 'sse', '/v1/responses', ?, ?, 0, ?, 'complete', 200, 'exact', 1)`)
    for (let i = 0; i < 250; i += 1) insert.run(`call-${i}`, old + i, old + i, old + i)
    insert.run('new', Date.now(), Date.now(), Date.now())
    db.exec(SUMS_ANEW)
    db.close()
    const usage = await folder.ok('admin usage --since 2000-01-01')
    match(usage, /^alice: credits=0\.000000251 /)
    const server = folder.start('serve')
    const count = (): number => {
      const reader = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
      try {
        return Number(reader.prepare('SELECT COUNT(*) AS n FROM calls').get()?.['n'])
      } finally {
        reader.close()
      }
    }
    await until(() => count() === 1 || undefined)
    server.kill('SIGTERM')
    await once(server, 'close')
    equal(await folder.ok('admin usage --since 2000-01-01'), usage)
  })
})
