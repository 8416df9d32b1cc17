import { stringify } from 'smol-toml'
import { variableOf } from './config-env.ts'
import { type Setting, settings } from './config-schema.ts'
import { isTable } from './config-toml.ts'

/** A configuration file with every setting at its default, each with its meaning above it. */
export function sampleConfig(): string {
  const sections = Map.groupBy(settings(), ({ section }) => section)
  const parts = [...sections].map(([section, members]) => {
    const lines = members.filter(({ usual }) => !isTable(usual)).map(sampleOf)
    // A table comes after the plain keys of its section, or these would become its own.
    const tables = members.filter(({ usual }) => isTable(usual)).map(sampleTableOf)
    return [`[${section}]`, ...lines, ...tables].join('\n')
  })
  return ['# codex-gateway: every setting, at its default.', ...parts, ''].join('\n\n').replace(/\n+$/, '\n')
}

function sampleOf(setting: Setting): string {
  return `${commentOf(setting)}\n${stringify({ [setting.key]: setting.usual }).trim()}`
}

function sampleTableOf(setting: Setting): string {
  return `\n${commentOf(setting)}\n${stringify({ [setting.section]: { [setting.key]: setting.usual } }).trim()}`
}

function commentOf({ meaning, unit, right }: Setting): string {
  const choices = right.startsWith('one of') ? `: ${right}` : ''
  return `# ${meaning}${choices}${unit === '' || unit === 'count' ? '' : ` [${unit}]`}.`
}

/** The table of the documentation: one row a setting. */
export function settingsTable(): string {
  const rows = settings().map((setting) => {
    const cells = [
      `\`[${setting.section}] ${setting.key}\``,
      `\`${variableOf(setting)}\``,
      `\`${usualOf(setting)}\``,
      setting.unit,
      `${setting.meaning}. Must be ${setting.right}.`,
    ]
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  })
  return ['| Key | Variable | Default | Unit | Meaning |', '|---|---|---|---|---|', ...rows, ''].join('\n')
}

function usualOf({ usual }: Setting): string {
  if (!isTable(usual)) return JSON.stringify(usual)
  const pairs = Object.entries(usual).map(([name, factor]) => `${name}=${String(factor)}`)
  return pairs.length === 0 ? '{}' : pairs.join(',')
}
