import { variableOf } from './config-env.ts'
import { nearest } from './config-nearest.ts'
import { type Issue, type Setting, settings } from './config-schema.ts'
import type { Origin } from './config-shape.ts'
import { isTable, lineFinder, quoted, show, withoutPassword } from './config-toml.ts'

/** What the settings were read from. */
export interface Source {
  readonly file: string | undefined
  readonly text: string
  readonly values: Readonly<Record<string, unknown>>
  readonly overrides: ReadonlyMap<Setting, unknown>
}

/** One line for each issue, in the order of the file: `gateway.toml:3: [limits] queue_secs = "x": must be a number of …` */
export function explain(issues: readonly Issue[], source: Source): readonly string[] {
  const lineOf = lineFinder(source.text)
  return issues
    .map((issue) => ({ line: lineIn(lineOf, issue.path) ?? 0, issue }))
    .toSorted((one, other) => one.line - other.line)
    .map(({ line, issue }) => {
      const setting = settings().find((one) => one.section === issue.path[0] && one.key === issue.path[1])
      const value = setting?.secret === true ? 'a secret' : show(valueAt(source.values, issue.path))
      if (setting && source.overrides.has(setting)) {
        return `environment variable ${variableOf(setting)} = ${value}: must be ${issue.right ?? setting.right}`
      }
      return `${source.file ?? 'settings'}${line > 0 ? `:${line}` : ''}: ${problemOf(issue, setting, value)}`
    })
}

/** What is missing in a table is told at the table. */
function lineIn(lineOf: (path: readonly string[]) => number | undefined, path: readonly string[]): number | undefined {
  return lineOf(path) ?? (path.length > 2 ? lineOf(path.slice(0, -1)) : undefined)
}

function problemOf(issue: Issue, setting: Setting | undefined, value: string): string {
  const [section = '', key, ...rest] = issue.path
  if (issue.kind === 'unknown' && rest.length === 0) return unknownKey(section, key)
  if (key === undefined) return `${section} = ${value}: must be a section, [${section}], with keys of its own`
  const name = [key, ...rest.map(quoted)].join('.')
  return `[${section}] ${name} = ${value}: must be ${issue.right ?? setting?.right ?? 'something else'}`
}

function unknownKey(section: string, key: string | undefined): string {
  const all = settings()
  const sections = [...new Set(all.map((one) => one.section))]
  if (key === undefined) {
    const home = all.find((one) => one.key === section)
    if (home) return `${section} stands outside of its section: it belongs under [${home.section}]`
    const meant = nearest(section, sections)
    const right = meant ? `did you mean [${meant}]?` : `the sections are ${sections.join(', ')}`
    return `[${asWritten(section)}] is no section; ${right}`
  }
  const elsewhere = all.find((one) => one.key === key)
  if (elsewhere) return `[${section}] has no key ${key}: it belongs under [${elsewhere.section}]`
  const keys = all.filter((one) => one.section === section).map((one) => one.key)
  const meant = nearest(key, keys)
  return `[${section}] has no key ${asWritten(key)}; ${meant ? `did you mean ${meant}?` : `its keys are ${keys.join(', ')}`}`
}

/** As TOML would have it: a key that is more than letters and digits is quoted, and cannot break the line. */
function asWritten(key: string): string {
  return /^[\w-]+$/.test(key) ? key : quoted(key)
}

/** The value at a path of tables; undefined where there is none. */
export function valueAt(values: unknown, path: readonly string[]): unknown {
  return path.reduce((at: unknown, key) => (isTable(at) ? at[key] : undefined), values)
}

/** Whether there is one is no secret. */
function hidden(value: unknown): string {
  return value === '' ? '' : '***'
}

/** Where each value came from. */
export function originsOf(source: Source, values: Readonly<Record<string, unknown>>): readonly Origin[] {
  return settings().map((setting) => {
    const { section, key } = setting
    const path = [section, key]
    return {
      key: `${section}.${key}`,
      variable: variableOf(setting),
      value: setting.secret === true ? hidden(valueAt(values, path)) : withoutPassword(valueAt(values, path)),
      default: setting.usual,
      source: source.overrides.has(setting)
        ? 'environment'
        : valueAt(source.values, path) === undefined
          ? 'default'
          : 'file',
    }
  })
}
