/** The only reader of files and of the environment. */
import { randomBytes } from 'node:crypto'
import { existsSync, linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { readOverrides } from './config-env.ts'
import { explain, originsOf, type Source } from './config-explain.ts'
import { checkSettings, type Setting } from './config-schema.ts'
import type { Config, ProxyRoute, SettledConfig } from './config-shape.ts'
import { isTable, readToml, show } from './config-toml.ts'

export type { Config } from './config-shape.ts'

type Env = Readonly<Record<string, string | undefined>>

export interface Sources {
  /** What `--config` named; without it `CODEX_GATEWAY_CONFIG` names the file, without that there is none. */
  readonly path: string | undefined
  readonly env: Env
}

/** The settings cannot be used; `problems` says why, one line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[], cause?: unknown) {
    super(problems.join('\n'), { cause })
    this.problems = problems
  }
}

/** Reads the file, then the environment over it, checks all of it, and fills in the defaults. Throws a ConfigError. */
export function loadConfig(sources: Sources): Config {
  const file = sources.path ?? (sources.env['CODEX_GATEWAY_CONFIG'] || undefined)
  const text = file === undefined ? '' : readText(file)
  const toml = readToml(text)
  if (!toml.ok) throw new ConfigError([`${file}:${toml.line}: not valid TOML: ${toml.problem}`])

  const overrides = readOverrides(sources.env)
  const values = withOverrides(toml.values, overrides.values)
  const checked = checkSettings(values)
  const source: Source = { file, text, values, overrides: overrides.values }
  const problems = [...overrides.problems]
  if (!checked.ok) problems.push(...explain(checked.issues, source))
  else problems.push(...contradictions(checked.config))
  if (!checked.ok || problems.length > 0) throw new ConfigError(problems)

  return {
    ...checked.config,
    proxy: proxyOf(checked.config, sources.env),
    ca: checked.config.upstream.caFile === '' ? undefined : readCa(checked.config.upstream.caFile),
    origins: originsOf(source, checked.values),
    file,
    warnings: [],
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new ConfigError([`cannot read the configuration file ${file}: ${reasonOf(cause)}`], cause)
  }
}

function reasonOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EACCES') return 'its permissions do not let this user read it'
  if (code === 'EISDIR') return 'it is a folder'
  return cause instanceof Error ? cause.message : String(cause)
}

function withOverrides(
  values: Readonly<Record<string, unknown>>,
  overrides: ReadonlyMap<Setting, unknown>,
): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...values }
  for (const [{ section, key }, value] of overrides) {
    const before = merged[section] ?? {}
    // A section that is no table is an error of the file, told as such.
    if (isTable(before)) merged[section] = { ...before, [key]: value }
  }
  return merged
}

/** Values that are right alone and wrong together. */
function contradictions({ limits }: SettledConfig): readonly string[] {
  const problems: string[] = []
  if (limits.maxDecompressedBytes < limits.maxBodyBytes) {
    problems.push('[limits] max_decompressed_bytes must be at least max_body_bytes')
  }
  for (const [key, room] of [
    ['max_buffered_bytes', limits.maxBufferedBytes],
    ['max_member_buffered_bytes', limits.maxMemberBufferedBytes],
  ] as const) {
    if (room >= limits.maxBodyBytes) continue
    problems.push(`[limits] ${key} must be at least max_body_bytes, or no large body could ever be read`)
  }
  return problems
}

// ------------------------------------------------------------------------------------------------ What stands outside

function proxyOf({ upstream }: SettledConfig, env: Env): ProxyRoute | undefined {
  if (upstream.proxy !== '') return { httpProxy: upstream.proxy, httpsProxy: upstream.proxy, noProxy: '' }
  const httpProxy = env['http_proxy'] || env['HTTP_PROXY'] || undefined
  const httpsProxy = env['https_proxy'] || env['HTTPS_PROXY'] || undefined
  if (httpProxy === undefined && httpsProxy === undefined) return undefined
  return { httpProxy, httpsProxy, noProxy: env['no_proxy'] ?? env['NO_PROXY'] ?? '' }
}

function readCa(file: string): string {
  let pem: string
  try {
    pem = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new ConfigError([`[upstream] ca_file = ${show(file)}: cannot be read: ${reasonOf(cause)}`], cause)
  }
  if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem
  throw new ConfigError([`[upstream] ca_file = ${show(file)}: must be a file of PEM certificates, and has none in it`])
}

export interface SealingKey {
  /** 32 bytes. */
  readonly key: Uint8Array
  /** The file it stands in; undefined when the environment gave it. */
  readonly file: string | undefined
  readonly created: boolean
  readonly warnings: readonly string[]
}

/**
 * The key that seals upstream secrets: from CODEX_GATEWAY_SECRET_KEY (hex or base64 of 32 bytes), else from the key
 * file. With `create` a missing key file is made, of mode 0600, unless there is a database already: a new key could
 * not open what is sealed in it. Throws a ConfigError.
 */
export function readSealingKey(config: Config, options: { readonly create: boolean; readonly env?: Env }): SealingKey {
  const given = (options.env ?? process.env)['CODEX_GATEWAY_SECRET_KEY']
  if (given !== undefined && given !== '') {
    const key = decodeKey(given)
    if (!key) throw new ConfigError(['environment variable CODEX_GATEWAY_SECRET_KEY must be 32 bytes in hex or base64'])
    return { key, file: undefined, created: false, warnings: [] }
  }
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
    const right = 'run `codex-gateway admin init` first, or give the key in CODEX_GATEWAY_SECRET_KEY'
    throw new ConfigError([`cannot read the key file ${file}: ${reasonOf(cause)}; ${right}`], cause)
  }
}

/** 0 where there are no modes. */
function modeOf(file: string): number {
  return process.platform === 'win32' ? 0 : (statSync(file, { throwIfNoEntry: false })?.mode ?? 0)
}

function makeKeyFile(file: string, database: string): void {
  if ((statSync(database, { throwIfNoEntry: false })?.size ?? 0) > 0) {
    throw new ConfigError([`the database ${database} exists, but its key file ${file} is missing: put it back`])
  }
  // Written aside and linked: whoever finds the file finds it whole, and of two at once both use the first one's.
  const aside = `${file}.${randomBytes(6).toString('hex')}`
  try {
    writeFileSync(aside, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx', flush: true })
    linkSync(aside, file)
  } catch (cause) {
    // Where it exists now, somebody else was quicker: theirs is the key.
    if (!existsSync(file)) throw new ConfigError([`cannot make the key file ${file}: ${reasonOf(cause)}`], cause)
  } finally {
    rmSync(aside, { force: true })
  }
}

/** The product's version. */
export function productVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  return manifest.version
}
