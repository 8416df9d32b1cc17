import type { MessageRow, RateRow } from './core/rates.ts'
import type { NanoCredits } from './core/units.ts'

/**
 * What the settings say, checked, with every default filled in. Names are those of the file in camel case; lengths of
 * time are in seconds (decimals allowed), sizes in bytes, money in nanocredits.
 */
export interface SettledConfig {
  readonly server: {
    /** As written; `host` and `port` are its parts. */
    readonly bindAddr: string
    readonly host: string
    readonly port: number
    readonly drainSecs: number
  }
  readonly database: {
    readonly url: string
    /** The SQLite file. */
    readonly path: string
    readonly durability: 'process' | 'power'
  }
  readonly upstream: {
    readonly httpBaseUrl: string
    readonly wsBaseUrl: string
    readonly connectTimeoutSecs: number
    readonly timeoutSecs: number
    readonly unaryTimeoutSecs: number
    readonly idleTimeoutSecs: number
    readonly clientLeft: 'abort' | 'drain'
    readonly clientLeftSecs: number
    readonly clientLeftBytes: number
    readonly retryAttempts: number
    readonly cooldownSecs: number
    readonly maxFailuresBeforeCooldown: number
    /** As set; empty = none. `Config.proxy` is what to use. */
    readonly proxy: string
    /** As set; empty = none. `Config.ca` is its content. */
    readonly caFile: string
  }
  readonly credit: {
    readonly accounting: 'token' | 'message_average'
    /** Nanocredits per token. */
    readonly unknownModelRate: {
      readonly input: NanoCredits
      readonly cached: NanoCredits
      readonly output: NanoCredits
      /** For a minute of audio. */
      readonly minute: NanoCredits
    }
    readonly unknownModelMessageCredits: NanoCredits
    readonly unknownUsageCredits: NanoCredits
    /** Factor in tenths, by `tier` or `model/tier` (which wins). */
    readonly tierTenths: ReadonlyMap<string, bigint>
    readonly rates: readonly RateRow[]
    readonly messages: readonly MessageRow[]
  }
  readonly limits: {
    readonly defaultMemberConcurrency: number
    readonly defaultMember5hQuota: NanoCredits
    readonly defaultMemberWeeklyQuota: NanoCredits
    readonly defaultUpstreamConcurrency: number
    readonly queueSecs: number
    readonly codexQueueSecs: number
    readonly maxHeaderBytes: number
    readonly maxBodyBytes: number
    readonly maxDecompressedBytes: number
    readonly maxBufferedBytes: number
    readonly maxMemberBufferedBytes: number
    readonly maxQueuedPerMember: number
    readonly bodyIdleSecs: number
    readonly clientStallSecs: number
    readonly wsIdleTimeoutSecs: number
    readonly wsUpstreamPingIntervalSecs: number
    readonly wsMaxConnectionSecs: number
    readonly wsMaxMessagesPerConnection: number
  }
  readonly quota: {
    readonly contact: string
    readonly enforcement: 'hard' | 'shadow'
    readonly window: 'anchored' | 'rolling'
    /** Credits; 0 = no such window. */
    readonly daily: NanoCredits
    readonly monthly: NanoCredits
    /** Percent, ascending. */
    readonly warnAt: readonly number[]
    /** Empty = none. */
    readonly webhookUrl: string
    readonly webhookSecret: string
  }
  /** 0 = for ever. */
  readonly retention: { readonly callsDays: number; readonly connectionsDays: number }
  readonly routes: { readonly websocket: boolean; readonly search: boolean; readonly webrtc: boolean }
  /** Undefined: there are none. */
  readonly metrics: { readonly address: { readonly host: string; readonly port: number } | undefined }
  readonly reconcile: {
    /** Since midnight, UTC; undefined: never. */
    readonly dailyAtMs: number | undefined
    /** In percent. */
    readonly threshold: number
    readonly settleMs: number
  }
  readonly log: { readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly format: 'text' | 'json' }
  readonly secrets: {
    /** The file of the sealing key, whether it exists or not. */
    readonly keyFile: string
  }
}

/** Which proxy goes between the gateway and upstream, in the words of undici's EnvHttpProxyAgent. */
export interface ProxyRoute {
  /** For http:// upstreams. */
  readonly httpProxy: string | undefined
  /** For https:// upstreams. */
  readonly httpsProxy: string | undefined
  /** Hosts that are reached without it, comma separated. */
  readonly noProxy: string
}

/** All that the gateway is told from outside. */
export interface Config extends SettledConfig {
  /** Undefined: upstream is reached directly. */
  readonly proxy: ProxyRoute | undefined
  /** PEM certificates to trust upstream beside the usual ones. */
  readonly ca: string | undefined
  /** The sealing key, 32 bytes, where the environment gave it; undefined: it stands in the key file. */
  readonly secretKey: Uint8Array | undefined
  /** Where each value came from, for `check-config`. */
  readonly origins: readonly Origin[]
  /** The file that was read. */
  readonly file: string | undefined
  /** Said once at the start, one sentence each. */
  readonly warnings: readonly string[]
}

export interface Origin {
  /** `section.key`. */
  readonly key: string
  readonly variable: string
  /** As in the file; passwords are taken out. */
  readonly value: unknown
  readonly default: unknown
  readonly source: 'default' | 'file' | 'environment'
}
