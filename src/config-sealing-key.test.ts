import { deepEqual, equal, match, ok, throws } from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { loadConfig } from './config.ts'
import { readSealingKey } from './config-sealing-key.ts'

const folder = mkdtempSync(join(tmpdir(), 'codex-gateway-sealing-key-'))
after(() => rmSync(folder, { recursive: true }))

let databases = 0

suite('the sealing key', () => {
  function freshConfig(env: Record<string, string> = {}) {
    const database = join(folder, `${++databases}.db`)
    return loadConfig({ path: undefined, env: { CODEX_GATEWAY_DATABASE_URL: `sqlite://${database}`, ...env } })
  }

  test('is made once, for its owner alone, and read again', () => {
    const config = freshConfig()
    const made = readSealingKey(config, { create: true })
    equal(made.key.length, 32)
    ok(made.created)
    equal(statSync(config.secrets.keyFile).mode & 0o777, 0o600)
    const again = readSealingKey(config, { create: true })
    deepEqual([again.key, again.created, again.warnings], [made.key, false, []])
    ok(!readdirSync(folder).some((name) => name.startsWith(`${databases}.db.key.`)))
  })

  test('is warned about when others can read it', () => {
    const config = freshConfig()
    readSealingKey(config, { create: true })
    chmodSync(config.secrets.keyFile, 0o644)
    match(readSealingKey(config, { create: false }).warnings[0] ?? '', /chmod 600/)
  })

  test('is never replaced where a database needs the one that is missing', () => {
    const config = freshConfig()
    throws(() => readSealingKey(config, { create: false }), /put back the one that belongs to the database/)
    writeFileSync(config.database.path, 'sealed')
    throws(() => readSealingKey(config, { create: true }), /put it back/)
    throws(() => statSync(config.secrets.keyFile))
  })

  test('needs its folder, which is named where it is not there', () => {
    const config = freshConfig({ CODEX_GATEWAY_DATABASE_URL: `sqlite://${folder}/none/x.db` })
    throws(
      () => readSealingKey(config, { create: true }),
      (error: Error) => error.message.endsWith(`/none/x.db.key: the folder ${folder}/none does not exist`),
    )
  })

  test('comes from the environment where it is given', () => {
    const bytes = Buffer.alloc(32, 7)
    for (const text of [bytes.toString('hex'), bytes.toString('base64'), bytes.toString('base64url')]) {
      const { key, file } = readSealingKey(freshConfig({ CODEX_GATEWAY_SECRET_KEY: text }), { create: true })
      deepEqual([Buffer.from(key), file], [bytes, undefined])
    }
  })

  test('is checked with the settings where the environment gives it, and not shown', () => {
    throws(
      () => freshConfig({ CODEX_GATEWAY_SECRET_KEY: 'too-short-and-secret', CODEX_GATEWAY_SERVER_BIND_ADDR: 'x' }),
      (error: Error) => {
        match(error.message, /CODEX_GATEWAY_SERVER_BIND_ADDR = "x"/)
        match(error.message, /CODEX_GATEWAY_SECRET_KEY must be 32 bytes/)
        return !error.message.includes('too-short')
      },
    )
  })

  test('is said to be missing only where it is: what cannot be read is told as that', () => {
    const config = freshConfig()
    mkdirSync(config.secrets.keyFile)
    throws(
      () => readSealingKey(config, { create: false }),
      (error: Error) => error.message.endsWith('.db.key: it is a folder'),
    )
  })

  test('is taken from whoever made it meanwhile', () => {
    const config = freshConfig()
    const { keyFile } = config.secrets
    const { path } = config.database
    const database = {
      ...config.database,
      // It is asked for once the key has been found missing.
      get path() {
        writeFileSync(keyFile, 'ab'.repeat(32), { mode: 0o600 })
        writeFileSync(path, 'sealed')
        return path
      },
    }
    const { key } = readSealingKey({ ...config, database }, { create: true })
    equal(Buffer.from(key).toString('hex'), 'ab'.repeat(32))
  })
})
