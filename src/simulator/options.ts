import { isIP } from 'node:net'
import type { Agent } from './agent.ts'
import { anything, checkShape, flag, listOf, oneOf, positive, shaped, text, whole, type Shape } from './fields.ts'
import { DEFAULT_ADMIN_KEYS, DEFAULT_KEYS, type SimulatedAdminKey, type SimulatedKey } from './keys.ts'
import { DEFAULT_MODELS, type SimulatedModel } from './models.ts'
import type { Counting } from './tokens.ts'

/** How the simulator is set up. Everything may be left out. */
export interface SimulatorOptions {
  /** 0, the default, takes a free one. */
  readonly port?: number | undefined
  /** A loopback address; 127.0.0.1 by default. */
  readonly host?: string | undefined
  readonly keys?: readonly SimulatedKey[] | undefined
  /** Who may read the books of which organization; `sk-admin-sim` and two more by default. */
  readonly adminKeys?: readonly SimulatedAdminKey[] | undefined
  /** How long a call is over before it stands in its organization's books; at once by default. */
  readonly usageDelayMs?: number | undefined
  readonly models?: readonly SimulatedModel[] | undefined
  /** `bpe` (default) counts as o200k_base does; `bytes` takes four bytes for a token and is for benchmarks only. */
  readonly tokens?: Counting | undefined
  /** What the model answers. */
  readonly text?: string | undefined
  /** What it answers by turns in place of `text`, a token with each event as OpenAI streams it; none by default. */
  readonly texts?: readonly string[] | undefined
  /** In how many delta events it answers; its words are said again until there are so many. By default one each word. */
  readonly deltas?: number | undefined
  /** Output tokens spent on reasoning before the answer; 0 leaves out the reasoning item. */
  readonly reasoningTokens?: number | undefined
  /**
   * `shell-and-edit` runs a command and edits a file, `web-search` searches the web, `write-note` writes down by a command
   * what it would have answered, where the request offers the tools; then it answers.
   */
  readonly agent?: 'none' | Agent | undefined
  /** Time before the response head. */
  readonly headDelayMs?: number | undefined
  /** Time before each event after the first. */
  readonly eventDelayMs?: number | undefined
  /** How fast the model generates; by default as fast as it can. The longer of the two delays counts. */
  readonly tokensPerSecond?: number | undefined
  /** Whether usage states cache_write_tokens above 0. */
  readonly cacheWrites?: boolean | undefined
  /**
   * Whether replies to /responses carry x-codex-turn-state (the request's own, else a new one). Over WebSocket
   * turns carry it in a `response.metadata` event.
   */
  readonly turnState?: boolean | undefined
  /** What the openai-model header says: the model as requested (default), its dated snapshot, or nothing. */
  readonly openaiModel?: 'requested' | 'snapshot' | 'absent' | undefined
  /** Limits of each project and model, refused with 429 past them; by default only stated, never reached. */
  readonly rateLimit?: RateLimit | undefined
  /** How many received requests are kept, with their bodies, for `requests()`; 1,000 by default. */
  readonly keepRequests?: number | undefined
  /** Whether GET /v1/responses and /v1/realtime speak WebSocket (default), or answer an upgrade with 426. */
  readonly webSockets?: boolean | undefined
  /** How old a WebSocket connection may become; an hour by default, as at OpenAI. */
  readonly wsMaxAgeMs?: number | undefined
  /** Whether turns over WebSocket begin with a `codex.rate_limits` event. */
  readonly wsRateLimits?: boolean | undefined
  /** What realtime transcriptions state as usage: tokens (default), or the duration of the audio. */
  readonly transcriptionUsage?: 'tokens' | 'duration' | undefined
  /** Whether POST /v1/alpha/search gives what it found as ciphertext too. */
  readonly searchCiphertext?: boolean | undefined
  /** How many frames that came over WebSocket are kept for `frames()`; 10,000 by default. */
  readonly keepFrames?: number | undefined
}

export interface RateLimit {
  readonly requestsPerMinute: number
  readonly tokensPerMinute: number
}

/** The options with every default filled in. */
export interface Settings {
  readonly port: number
  readonly host: string
  readonly keys: readonly SimulatedKey[]
  readonly adminKeys: readonly SimulatedAdminKey[]
  readonly usageDelayMs: number
  readonly models: readonly SimulatedModel[]
  readonly tokens: Counting
  readonly text: string
  readonly texts: readonly string[]
  readonly deltas: number | undefined
  readonly reasoningTokens: number
  readonly agent: 'none' | Agent
  readonly headDelayMs: number
  readonly eventDelayMs: number
  readonly tokensPerSecond: number
  readonly cacheWrites: boolean
  readonly turnState: boolean
  readonly openaiModel: 'requested' | 'snapshot' | 'absent'
  readonly rateLimit: RateLimit | undefined
  readonly keepRequests: number
  readonly webSockets: boolean
  readonly wsMaxAgeMs: number
  readonly wsRateLimits: boolean
  readonly transcriptionUsage: 'tokens' | 'duration'
  readonly searchCiphertext: boolean
  readonly keepFrames: number
}

const DEFAULTS: Settings = {
  port: 0,
  host: '127.0.0.1',
  keys: DEFAULT_KEYS,
  adminKeys: DEFAULT_ADMIN_KEYS,
  usageDelayMs: 0,
  models: DEFAULT_MODELS,
  tokens: 'bpe',
  text: 'Hello from the simulator, which plays OpenAI and keeps the truth about every call.',
  texts: [],
  deltas: undefined,
  reasoningTokens: 64,
  agent: 'none',
  headDelayMs: 0,
  eventDelayMs: 0,
  tokensPerSecond: Infinity,
  cacheWrites: false,
  turnState: false,
  openaiModel: 'requested',
  rateLimit: undefined,
  keepRequests: 1_000,
  webSockets: true,
  wsMaxAgeMs: 60 * 60 * 1000,
  wsRateLimits: false,
  transcriptionUsage: 'tokens',
  searchCiphertext: false,
  keepFrames: 10_000,
}

const KEY: Shape = {
  fields: {
    secret: text,
    organization: text,
    project: text,
    name: text,
    id: text,
    models: listOf('model ids', text),
  },
  required: ['secret', 'organization', 'project'],
}

const ADMIN_KEY: Shape = { fields: { secret: text, organization: text }, required: ['secret', 'organization'] }

const MODEL: Shape = { fields: { id: text, snapshot: text }, required: ['id'] }

const RATE_LIMIT: Shape = {
  fields: { requestsPerMinute: whole(1), tokensPerMinute: whole(1) },
  required: ['requestsPerMinute', 'tokensPerMinute'],
}

const OPTIONS: Shape = {
  fields: {
    port: whole(0, 65_535),
    host: (value) => (isLoopback(value) ? undefined : 'a loopback address (127.0.0.1, ::1 or localhost)'),
    keys: listOf('keys', shaped('keys[]', KEY)),
    adminKeys: listOf('admin keys', shaped('adminKeys[]', ADMIN_KEY)),
    usageDelayMs: whole(0),
    models: listOf('models', shaped('models[]', MODEL)),
    tokens: oneOf('bpe', 'bytes'),
    text,
    texts: listOf('texts', text),
    deltas: whole(1, 1_000_000),
    reasoningTokens: whole(0, 1_000_000),
    agent: oneOf('none', 'shell-and-edit', 'web-search', 'write-note'),
    headDelayMs: whole(0),
    eventDelayMs: whole(0),
    tokensPerSecond: positive,
    cacheWrites: flag,
    turnState: flag,
    openaiModel: oneOf('requested', 'snapshot', 'absent'),
    rateLimit: shaped('options.rateLimit', RATE_LIMIT),
    keepRequests: whole(0),
    webSockets: flag,
    wsMaxAgeMs: whole(1, 2 ** 31 - 1),
    wsRateLimits: flag,
    transcriptionUsage: oneOf('tokens', 'duration'),
    searchCiphertext: flag,
    keepFrames: whole(0),
  } satisfies Record<keyof SimulatorOptions, typeof anything>,
}

/** Fills in the defaults. Throws a TypeError that names the option which is wrong or unknown. */
export function settingsOf(options: SimulatorOptions): Settings {
  checkShape(options, 'options', OPTIONS)
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return { ...DEFAULTS, ...Object.fromEntries(given) }
}

/** The simulator believes anybody who reaches it, so only this machine may. */
function isLoopback(host: unknown): boolean {
  if (host === 'localhost' || host === '::1') return true
  return typeof host === 'string' && isIP(host) === 4 && host.startsWith('127.')
}
