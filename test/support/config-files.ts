/** Configuration files in a folder of their own. */
import { equal, ok } from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { ConfigError, loadConfig, type Config } from '../../src/config.ts'

type Env = Readonly<Record<string, string>>

export interface ConfigFiles {
  readonly folder: string
  readonly fileOf: (text: string) => string
  readonly load: (toml: string, env?: Env) => Config
  /** All that is wrong with it; the file is called x.toml in them. */
  readonly problemsOf: (toml: string, env?: Env) => readonly string[]
}

/** The folder goes when the tests of the caller's file are over. */
export function configFiles(): ConfigFiles {
  const folder = mkdtempSync(join(tmpdir(), 'codex-gateway-config-'))
  after(() => rmSync(folder, { recursive: true }))
  let files = 0
  const fileOf = (text: string): string => {
    const path = join(folder, `${++files}.toml`)
    writeFileSync(path, text)
    return path
  }
  const load = (toml: string, env: Env = {}): Config => loadConfig({ path: fileOf(toml), env })
  const problemsOf = (toml: string, env: Env = {}): readonly string[] => {
    try {
      load(toml, env)
    } catch (error) {
      ok(error instanceof ConfigError)
      equal(error.message, error.problems.join('\n'))
      return error.problems.map((problem) => problem.replace(/^.*?\/\d+\.toml/, 'x.toml'))
    }
    return []
  }
  return { folder, fileOf, load, problemsOf }
}
