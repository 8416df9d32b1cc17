import { randomBytes } from 'node:crypto'
import { existsSync, linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { ConfigError, reasonOf } from './config-error.ts'
import type { Config } from './config-shape.ts'

export interface SealingKey {
  /** 32 bytes. */
  readonly key: Uint8Array
  /** The file it stands in; undefined when the environment gave it. */
  readonly file: string | undefined
  readonly created: boolean
  readonly warnings: readonly string[]
}

/** The key that CODEX_GATEWAY_SECRET_KEY gives: hex or base64 of 32 bytes. A problem never shows what was given. */
export function secretKeyOf(given: string | undefined): {
  readonly key: Uint8Array | undefined
  readonly problems: readonly string[]
} {
  if (given === undefined || given === '') return { key: undefined, problems: [] }
  const key = decodeKey(given)
  const problem = 'environment variable CODEX_GATEWAY_SECRET_KEY must be 32 bytes in hex or base64'
  return { key, problems: key ? [] : [problem] }
}

/**
 * The key that seals upstream secrets: the one that the environment gave, else that of the key file. With `create` a missing key file is made, of mode 0600, unless there is a database already: a new key could
 * not open what is sealed in it. Throws a ConfigError.
 */
export function readSealingKey(config: Config, options: { readonly create: boolean }): SealingKey {
  if (config.secretKey) return { key: config.secretKey, file: undefined, created: false, warnings: [] }
  const file = config.secrets.keyFile
  const created = options.create && !existsSync(file)
  if (created) makeKeyFile(file, config.database.path)
  const warnings = modeOf(file) & 0o077 ? [`${file} can be read by other users: chmod 600 ${file}`] : []
  const key = decodeKey(readKeyText(file))
  if (!key) throw new ConfigError([`the key file ${file} is damaged: it must hold 32 bytes in hex or base64`])
  return { key, file, created, warnings }
}

function decodeKey(text: string): Uint8Array | undefined {
  const trimmed = text.trim()
  if (/^[0-9a-fA-F]{64}$/.test(trimmed)) return Buffer.from(trimmed, 'hex')
  return /^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed) ? Buffer.from(trimmed, 'base64') : undefined
}

function readKeyText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    // Putting it back helps only where there is none.
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    const right = ': put back the one that belongs to the database, or give the key in CODEX_GATEWAY_SECRET_KEY'
    throw new ConfigError([`cannot read the key file ${file}: ${reasonOf(cause)}${missing ? right : ''}`], cause)
  }
}

/** 0 where there are no modes. */
function modeOf(file: string): number {
  return process.platform === 'win32' ? 0 : (statSync(file, { throwIfNoEntry: false })?.mode ?? 0)
}

function makeKeyFile(file: string, database: string): void {
  if ((statSync(database, { throwIfNoEntry: false })?.size ?? 0) > 0) {
    // Made by somebody else since the caller looked, before the database that needs it.
    if (existsSync(file)) return
    throw new ConfigError([`the database ${database} exists, but its key file ${file} is missing: put it back`])
  }
  // Written aside and linked: whoever finds the file finds it whole, and of two at once both use the first one's.
  const aside = `${file}.${randomBytes(6).toString('hex')}`
  try {
    writeFileSync(aside, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx', flush: true })
    linkSync(aside, file)
  } catch (cause) {
    // Where it exists now, somebody else was quicker: theirs is the key.
    if (!existsSync(file)) {
      const folder = dirname(file)
      const why = existsSync(folder) ? reasonOf(cause) : `the folder ${folder} does not exist`
      throw new ConfigError([`cannot make the key file ${file}: ${why}`], cause)
    }
  } finally {
    rmSync(aside, { force: true })
  }
}
