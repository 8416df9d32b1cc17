import { equal, match } from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, afterEach, suite, test } from 'node:test'
import { KeptFiles } from './kept-files.ts'

const LONG_ENOUGH_TO_LOOK_MS = 50

suite('files that are kept in sight', () => {
  let folder: string
  let path: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'codex-gateway-kept-'))
    path = join(folder, 'a.db')
    for (const ending of ['', '-wal', '-shm']) writeFileSync(path + ending, '')
  })

  afterEach(() => rmSync(folder, { recursive: true }))

  test('name the database though its log was the first that was missed', async () => {
    const files = await KeptFiles.of(path)
    const looking = files.look()
    // The first look at the database has found it by then, and all others are yet to come.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LONG_ENOUGH_TO_LOOK_MS)
    for (const ending of ['', '-wal', '-shm']) rmSync(path + ending)
    await looking
    equal(files.isLost, true)
    match(await files.lost, /a\.db was removed while it was in use/)
  })

  test('are lost when another file has the name, and not when nothing changed', async () => {
    const files = await KeptFiles.of(path)
    await files.look()
    equal(files.isLost, false)
    writeFileSync(`${path}.new`, '')
    renameSync(`${path}.new`, `${path}-wal`)
    await files.look()
    match(await files.lost, /a\.db-wal was replaced while it was in use/)
  })
})
