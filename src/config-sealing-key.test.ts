import { deepEqual, equal, match, ok, throws } from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { loadConfig, readSealingKey } from './config.ts'

const folder = mkdtempSync(join(tmpdir(), 'codex-gateway-sealing-key-'))
after(() => rmSync(folder, { recursive: true }))

let databases = 0

suite('the sealing key', () => {
  function freshConfig() {
    const database = join(folder, `${++databases}.db`)
    return loadConfig({ path: undefined, env: { CODEX_GATEWAY_DATABASE_URL: `sqlite://${database}` } })
  }

  test('is made once, for its owner alone, and read again', () => {
    const config = freshConfig()
    const made = readSealingKey(config, { create: true, env: {} })
    equal(made.key.length, 32)
    ok(made.created)
    equal(statSync(config.secrets.keyFile).mode & 0o777, 0o600)
    const again = readSealingKey(config, { create: true, env: {} })
    deepEqual([again.key, again.created, again.warnings], [made.key, false, []])
    ok(!readdirSync(folder).some((name) => name.startsWith(`${databases}.db.key.`)))
  })

  test('is warned about when others can read it', () => {
    const config = freshConfig()
    readSealingKey(config, { create: true, env: {} })
    chmodSync(config.secrets.keyFile, 0o644)
    match(readSealingKey(config, { create: false, env: {} }).warnings[0] ?? '', /chmod 600/)
  })

  test('is never replaced where a database needs the one that is missing', () => {
    const config = freshConfig()
    throws(() => readSealingKey(config, { create: false, env: {} }), /admin init/)
    writeFileSync(config.database.path, 'sealed')
    throws(() => readSealingKey(config, { create: true, env: {} }), /put it back/)
    throws(() => statSync(config.secrets.keyFile))
  })

  test('comes from the environment where it is given', () => {
    const config = freshConfig()
    const bytes = Buffer.alloc(32, 7)
    for (const text of [bytes.toString('hex'), bytes.toString('base64'), bytes.toString('base64url')]) {
      const { key, file } = readSealingKey(config, { create: true, env: { CODEX_GATEWAY_SECRET_KEY: text } })
      deepEqual([Buffer.from(key), file], [bytes, undefined])
    }
    const short = { CODEX_GATEWAY_SECRET_KEY: 'too-short-and-secret' }
    throws(
      () => readSealingKey(config, { create: true, env: short }),
      (error: Error) => {
        match(error.message, /CODEX_GATEWAY_SECRET_KEY must be 32 bytes/)
        return !error.message.includes('too-short')
      },
    )
  })
})
