import { type Setting, settings } from './config-schema.ts'
import { nearest } from './config-nearest.ts'

const PREFIX = 'CODEX_GATEWAY_'
/** Variables that are no settings. */
const OTHERS: readonly string[] = ['CODEX_GATEWAY_CONFIG', 'CODEX_GATEWAY_SECRET_KEY']

/**
 * What Kubernetes puts into the environment of every container beside a Service named codex-gateway, or codex-gateway-metrics
 * (kubernetes.io/docs/concepts/services-networking/service, "Environment variables").
 */
const OF_KUBERNETES =
  /^(CODEX_GATEWAY_(?:METRICS_)?)(?:SERVICE_(?:HOST|PORT)(?:_.*)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_.*)?)?)$/

type Environment = Readonly<Record<string, string | undefined>>

/** Beside a Service its `…_PORT` is a URL, such as tcp://10.0.0.1:8080. Else somebody has taken a name of these for a setting. */
function isOfKubernetes(name: string, env: Environment): boolean {
  const [, service] = OF_KUBERNETES.exec(name) ?? []
  return service !== undefined && /^(?:tcp|udp|sctp):\/\//.test(env[`${service}PORT`] ?? '')
}

/** A port is set as part of an address. */
function addressFor(name: string): string | undefined {
  const [, service] = OF_KUBERNETES.exec(name) ?? []
  return service && `${service === PREFIX ? `${PREFIX}SERVER_` : service}BIND_ADDR`
}

/** The variable that overrides a setting: `CODEX_GATEWAY_SERVER_BIND_ADDR`. */
export function variableOf(setting: { readonly section: string; readonly key: string }): string {
  return `${PREFIX}${setting.section}_${setting.key}`.toUpperCase()
}

export interface Overrides {
  /** In the form of the file; a text that is no value of the setting's kind stays a text, to be refused as such. */
  readonly values: ReadonlyMap<Setting, unknown>
  readonly problems: readonly string[]
}

/** Reads the overrides out of the environment. Every variable that begins like ours must be ours. */
export function readOverrides(env: Environment): Overrides {
  const known = new Map(settings().map((setting) => [variableOf(setting), setting]))
  const values = new Map<Setting, unknown>()
  const problems: string[] = []
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || OTHERS.includes(name) || isOfKubernetes(name, env) || text === undefined) continue
    const setting = known.get(name)
    if (setting) {
      values.set(setting, valueOf(setting, text))
      const twice = isTable(setting) ? twiceIn(text) : undefined
      if (twice !== undefined)
        problems.push(`environment variable ${name}: ${JSON.stringify(twice)} stands in it twice`)
      continue
    }
    const meant = addressFor(name) ?? nearest(name, [...known.keys(), ...OTHERS])
    problems.push(`environment variable ${name}: there is no such setting${meant ? `; did you mean ${meant}?` : ''}`)
  }
  return { values, problems }
}

function valueOf(setting: Setting, text: string): unknown {
  if (typeof setting.usual === 'number') return numberOf(text)
  if (typeof setting.usual === 'boolean') return flagOf(text)
  if (Array.isArray(setting.usual)) return listOf(text)
  return isTable(setting) ? tableOf(text) : text
}

function isTable({ usual }: Setting): boolean {
  return typeof usual === 'object' && !Array.isArray(usual)
}

/** A name that would stand for two values. */
function twiceIn(text: string): string | undefined {
  const names = text.split(',').map((pair) => (pair.split('=')[0] ?? '').trim())
  return names.find((name, at) => names.indexOf(name) < at)
}

function flagOf(text: string): unknown {
  const flags: Readonly<Record<string, boolean>> = { true: true, false: false }
  return flags[text.trim()] ?? text
}

function numberOf(text: string): unknown {
  return /^-?\d+(?:_\d+)*(?:\.\d+)?$/.test(text.trim()) ? Number(text.replaceAll('_', '')) : text
}

/** `50,80,95`; empty is an empty list. */
function listOf(text: string): unknown {
  return text.trim() === '' ? [] : text.split(',').map(numberOf)
}

/** `priority=2,gpt-5.5/priority=2.5`; a value of several numbers is a rate: `gpt-6.1-sol=50/2.5/250`. */
function tableOf(text: string): unknown {
  const pairs = text.split(',').map((pair) => pair.split('='))
  if (pairs.some((pair) => pair.length !== 2)) return text
  return Object.fromEntries(pairs.map(([name = '', value = '']) => [name.trim(), rateOf(value) ?? numberOf(value)]))
}

/**
 * Input, cached input and output, and where they have one the prices of writing to the cache (empty where that alone has
 * none) and of a minute of audio, with slashes between.
 */
function rateOf(text: string): Record<string, unknown> | undefined {
  const [input, cached, output, written, minute, ...more] = text.split('/').map(numberOf)
  if (output === undefined || more.length > 0) return undefined
  const none = written === undefined || (written === '' && minute !== undefined)
  return { input, cached, output, ...(!none && { cache_write: written }), ...(minute !== undefined && { minute }) }
}
