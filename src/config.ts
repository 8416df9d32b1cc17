/** The only reader of files and of the environment. */
import { readFileSync } from 'node:fs'
import { judgeBeyond } from './config-beyond.ts'
import { readOverrides } from './config-env.ts'
import { ConfigError, reasonOf } from './config-error.ts'
import { explain, originsOf, type Source, valueAt } from './config-explain.ts'
import { proxyOf } from './config-proxy.ts'
import { checkSettings, type Setting } from './config-schema.ts'
import { secretKeyOf } from './config-sealing-key.ts'
import type { Config } from './config-shape.ts'
import { isTable, readToml } from './config-toml.ts'

export { ConfigError } from './config-error.ts'
export type { Config } from './config-shape.ts'

type Env = Readonly<Record<string, string | undefined>>

export interface Sources {
  /** What `--config` named; without it `CODEX_GATEWAY_CONFIG` names the file, without that there is none. */
  readonly path: string | undefined
  readonly env: Env
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
  const refused = checked.ok ? [] : checked.issues
  const beyond = judgeBeyond(values, refused)
  const proxy = proxyOf(valueAt(values, ['upstream', 'proxy']), sources.env)
  const secretKey = secretKeyOf(sources.env['CODEX_GATEWAY_SECRET_KEY'])
  const problems = [
    ...overrides.problems,
    ...explain([...refused, ...beyond.issues], source),
    ...proxy.problems,
    ...secretKey.problems,
  ]
  if (!checked.ok || problems.length > 0) throw new ConfigError(problems)

  return {
    ...checked.config,
    proxy: proxy.route,
    ca: beyond.ca,
    secretKey: secretKey.key,
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

/** The product's version. */
export function productVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  return manifest.version
}
