import { z } from 'zod'
import {
  bytes,
  choice,
  count,
  credits,
  descriptions,
  type Description,
  factors,
  flag,
  isBaseUrlOf,
  isFileName,
  isUrlOf,
  nanoCredits,
  parseAddress,
  parseSqliteUrl,
  rate,
  secs,
  text,
} from './config-kinds.ts'
import { limits, limitsOf } from './config-limits.ts'
import { messageRowsOf, messages, perToken, rateRowsOf, rates } from './config-rates.ts'
import { metrics, metricsOf } from './config-metrics.ts'
import { reconcile, reconcileOf } from './config-reconcile.ts'
import { quota, quotaOf } from './config-quota.ts'
import { retention, retentionOf } from './config-retention.ts'
import type { SettledConfig } from './config-shape.ts'
import { TIERS } from './config-tiers.ts'

const server = z.strictObject({
  bind_addr: text(
    '127.0.0.1:8080',
    'Address and port to listen on; port 0 takes a free one',
    'an address with a port, such as "127.0.0.1:8080", "[::1]:8080" or "0.0.0.0:8080"',
    (value) => parseAddress(value) !== undefined,
  ),
  drain_secs: secs(300, 'How long running calls may go on after the first signal to stop'),
})

const database = z.strictObject({
  url: text(
    'sqlite://codex-gateway.db',
    'Where the database is; a relative file stands in the working directory',
    'a SQLite URL, such as "sqlite://codex-gateway.db" (relative) or "sqlite:///var/lib/codex-gateway/gateway.db" (absolute)',
    (value) => parseSqliteUrl(value) !== undefined,
  ),
  durability: choice(
    ['process', 'power'],
    'What a committed call survives: the death of the process, or a power loss too',
  ),
})

const upstream = z.strictObject({
  http_base_url: text(
    'https://api.openai.com',
    'Base URL of the API over HTTP',
    'an http:// or https:// URL without query, credentials or a final /v1, such as "https://api.openai.com"',
    (value) => isBaseUrlOf(value, ['http:', 'https:']),
  ),
  ws_base_url: text(
    '',
    'Base URL of the API over WebSocket; when empty, `http_base_url` over WebSocket',
    'empty, or a ws:// or wss:// URL without query, credentials or a final /v1, such as "wss://api.openai.com"',
    (value) => value === '' || isBaseUrlOf(value, ['ws:', 'wss:']),
  ),
  connect_timeout_secs: secs(10, 'How long to wait for a connection', 0.001),
  timeout_secs: secs(
    120,
    'How long to wait for the head of a stream and what comes first; never cuts a running stream',
    0.001,
  ),
  unary_timeout_secs: secs(600, 'How long to wait for the response head of a call that is not streamed', 0.001),
  idle_timeout_secs: secs(600, 'How long a running response may send nothing', 0.001),
  client_left: choice(
    ['abort', 'drain'],
    'What becomes of an answer whose client has left: it is called off, and its cost estimated; or it is read on to its end, and its cost is exact',
  ),
  client_left_secs: secs(120, 'How long such an answer is read on', 0.001),
  client_left_bytes: bytes(16_777_216, 'How much of such an answer is read on'),
  retry_attempts: count(
    2,
    'Tries of one call, at most, that may have run upstream (0 and 1: never a second); what a key refuses moves on to another without counting',
  ),
  cooldown_secs: secs(60, 'How long a key rests after too many failures in a row'),
  max_failures_before_cooldown: count(3, 'Failures in a row that make a key rest', 1),
  proxy: text(
    '',
    'HTTP(S) proxy towards upstream; when empty, HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the environment',
    'empty, or an http:// or https:// URL, such as "http://proxy.example.com:3128"',
    (value) => value === '' || isUrlOf(value, ['http:', 'https:'], true),
  ),
  ca_file: text(
    '',
    'PEM file with further certificate authorities to trust upstream',
    'empty, or the name of a file of PEM certificates',
    (value) => value === '' || isFileName(value),
  ),
})

const credit = z.strictObject({
  accounting: choice(
    ['token', 'message_average'],
    'Charge the tokens of each call, or an average price for each user message',
  ),
  unknown_model_input: rate(43.75, 'Price of uncached input tokens of a model without a published rate'),
  unknown_model_cached: rate(4.375, 'Price of cached input tokens of a model without a published rate'),
  unknown_model_output: rate(350, 'Price of output tokens of a model without a published rate'),
  unknown_model_minute: credits(
    0.425,
    'Price of a minute of audio that is counted by its length, where no price of one is known; 0 = such calls cost nothing and are marked `unknown`',
  ),
  unknown_model_message_credits: credits(
    5,
    'Price of a message to a model without an average of its own (message_average)',
  ),
  unknown_usage_credits: credits(5, 'Price of a complete answer that stated no usage'),
  tiers: factors(
    TIERS,
    'Factor on the credits of a service tier (`tier`), or of a tier of one model (`model/tier`); names given here are added to the usual ones',
  ),
  rates,
  messages,
})

const routes = z.strictObject({
  websocket: flag(
    true,
    'Serve WebSocket at /v1/responses and /v1/realtime; otherwise an upgrade is answered with 426, at which Codex goes on over HTTP',
  ),
  search: flag(true, 'Serve POST /v1/alpha/search, with which Codex searches the web'),
  webrtc: flag(
    false,
    'Serve voice over WebRTC: POST /v1/realtime/calls, POST /v1/live and the WebSockets beside them; its sound passes the gateway by, and so does its cost where a client opens no WebSocket beside it',
  ),
})

const log = z.strictObject({
  level: choice(['info', 'debug', 'warn', 'error'], 'The least important lines to write'),
  format: choice(['text', 'json'], 'Lines for people, or one JSON object a line'),
})

const secrets = z.strictObject({
  key_file: text(
    '',
    'File of the key that seals upstream secrets; when empty, the database file with `.key` added',
    'empty, or the name of a file',
    (value) => value === '' || isFileName(value),
  ),
})

const schema = z.strictObject({
  server,
  database,
  upstream,
  credit,
  limits,
  quota,
  retention,
  routes,
  metrics,
  reconcile,
  log,
  secrets,
})
const SETTINGS = describedSettings()

export interface Setting extends Description {
  readonly section: string
  readonly key: string
  readonly usual: unknown
}

/** Every setting, in the order of the documentation; always the same objects. */
export function settings(): readonly Setting[] {
  return SETTINGS
}

function describedSettings(): readonly Setting[] {
  return Object.entries(schema.shape).flatMap(([section, { shape }]) =>
    Object.entries(shape).map(([key, leaf]) => {
      const description = descriptions.get(leaf)
      if (!description) throw new Error(`${section}.${key} has no description`)
      return { section, key, usual: leaf.def.defaultValue, ...description }
    }),
  )
}

export type Checked =
  | { readonly ok: true; readonly config: SettledConfig; readonly values: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly issues: readonly Issue[] }

/** One thing wrong with the settings: an unknown key, or a value that does not fit. */
export interface Issue {
  readonly kind: 'unknown' | 'value'
  readonly path: readonly string[]
  /** What this value must be; undefined = what the setting's description says. */
  readonly right?: string
}

/** Judges values in the form of the file and fills in the defaults. */
export function checkSettings(raw: Readonly<Record<string, unknown>>): Checked {
  const sections = Object.fromEntries(Object.keys(schema.shape).map((section) => [section, {}]))
  const parsed = schema.safeParse({ ...sections, ...raw })
  if (parsed.success) {
    const values = {
      ...parsed.data,
      credit: { ...parsed.data.credit, tiers: { ...TIERS, ...parsed.data.credit.tiers } },
    }
    return { ok: true, config: settled(values), values }
  }
  const issues = parsed.error.issues.flatMap((issue): Issue[] => {
    const path = issue.path.map(String)
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => ({ kind: 'unknown', path: [...path, key] }))
    return [{ kind: 'value', path }]
  })
  return { ok: false, issues }
}

function settled(values: z.infer<typeof schema>): SettledConfig {
  return {
    server: serverOf(values.server),
    database: {
      url: values.database.url,
      path: parseSqliteUrl(values.database.url) ?? '',
      durability: values.database.durability,
    },
    upstream: upstreamOf(values.upstream),
    credit: creditOf(values.credit),
    limits: limitsOf(values.limits),
    quota: quotaOf(values.quota),
    retention: retentionOf(values.retention),
    routes: values.routes,
    metrics: metricsOf(values.metrics),
    reconcile: reconcileOf(values.reconcile),
    log: values.log,
    secrets: { keyFile: values.secrets.key_file || `${parseSqliteUrl(values.database.url) ?? ''}.key` },
  }
}

function serverOf(values: z.infer<typeof server>): SettledConfig['server'] {
  const { host = '', port = 0 } = parseAddress(values.bind_addr) ?? {}
  return { bindAddr: values.bind_addr, host, port, drainSecs: values.drain_secs }
}

function upstreamOf(values: z.infer<typeof upstream>): SettledConfig['upstream'] {
  return {
    httpBaseUrl: values.http_base_url,
    wsBaseUrl: values.ws_base_url || values.http_base_url.replace(/^http/i, 'ws'),
    connectTimeoutSecs: values.connect_timeout_secs,
    timeoutSecs: values.timeout_secs,
    unaryTimeoutSecs: values.unary_timeout_secs,
    idleTimeoutSecs: values.idle_timeout_secs,
    clientLeft: values.client_left,
    clientLeftSecs: values.client_left_secs,
    clientLeftBytes: values.client_left_bytes,
    retryAttempts: values.retry_attempts,
    cooldownSecs: values.cooldown_secs,
    maxFailuresBeforeCooldown: values.max_failures_before_cooldown,
    proxy: values.proxy,
    caFile: values.ca_file,
  }
}

function creditOf(values: z.infer<typeof credit>): SettledConfig['credit'] {
  return {
    accounting: values.accounting,
    unknownModelRate: {
      input: perToken(values.unknown_model_input),
      cached: perToken(values.unknown_model_cached),
      output: perToken(values.unknown_model_output),
      minute: nanoCredits(values.unknown_model_minute),
    },
    unknownModelMessageCredits: nanoCredits(values.unknown_model_message_credits),
    unknownUsageCredits: nanoCredits(values.unknown_usage_credits),
    tierTenths: new Map(Object.entries(values.tiers).map(([tier, factor]) => [tier, BigInt(Math.round(factor * 10))])),
    rates: rateRowsOf(values.rates),
    messages: messageRowsOf(values.messages),
  }
}
