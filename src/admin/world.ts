import type { CardChange } from '../core/price.ts'
import type { WindowMode } from '../core/quota.ts'
import type { NanoCredits } from '../core/units.ts'
import type { AdminKeys, Books, Clock, LedgerReport, Quotas, RateBook, Registry, Reports } from '../ports.ts'

/** Where the command line speaks and listens. */
export interface Terminal {
  /** To standard output, as it is. */
  print(text: string): void
  /** To standard error, as it is. */
  complain(text: string): void
  /** Resolves when what was printed has been taken, or nobody reads it any more. */
  taken(): Promise<void>
  /** Whether standard error is a terminal: somebody may like to see how far it is. */
  readonly watched: boolean
  /** Whether standard output is a terminal: tables for people, else plain lines. */
  readonly interactive: boolean
  readonly colour: boolean
  /** Aborts when nobody reads standard output any more. */
  readonly unread: AbortSignal
  /** Everything that comes on standard input. */
  readAll(): Promise<string>
  /** Asks without echo; undefined when nobody can be asked. */
  readonly ask: ((question: string) => Promise<string>) | undefined
}

/** What of the store an administrator needs. */
export interface AdminStore {
  readonly registry: Registry
  readonly reports: Reports
  readonly rateBook: RateBook
  readonly adminKeys: AdminKeys
  readonly ledgerSums: LedgerReport
  readonly books: Books
  /** Rejects when the store cannot write. */
  probe(): Promise<void>
  readonly quotas: Quotas
  /** One sentence each, to be said once. */
  readonly warnings: readonly string[]
}

/** What new members and keys get where nothing is said, and how windows count then. */
export interface Defaults {
  readonly memberConcurrency: number
  readonly memberFiveHourQuota: NanoCredits
  readonly memberWeeklyQuota: NanoCredits
  readonly upstreamConcurrency: number
  readonly quotaWindow: WindowMode
}

export interface SettingInForce {
  /** `section.key` */
  readonly key: string
  readonly variable: string
  readonly value: unknown
  readonly default: unknown
  readonly source: 'default' | 'file' | 'environment'
}

/** A gateway as it is configured. */
export interface Installation {
  readonly databaseUrl: string
  /** The configuration file that was read. */
  readonly file: string | undefined
  readonly settings: readonly SettingInForce[]
  readonly warnings: readonly string[]
  readonly defaults: Defaults
  /** What the configuration changes of the rate card. */
  readonly card: CardChange
  readonly reconcile: { readonly threshold: number; readonly settleMs: number }
  /** Makes the database and the key file where they are missing; harmless where they are not. */
  initialize(): Promise<{ readonly keyFile: string | undefined; readonly warnings: readonly string[] }>
  withStore<T>(use: (store: AdminStore) => Promise<T>): Promise<T>
  /** Copies the database, in use or not, into a new file. Throws WrongUse. */
  backUp(file: string): Promise<{
    readonly bytes: number
    readonly keyFile: string | undefined
    readonly warnings: readonly string[]
  }>
  /** Checks a copy and puts it in the place of the database; `aside` is where that is then. Throws WrongUse. */
  restore(file: string): Promise<{
    readonly aside: string | undefined
    readonly keyFile: string | undefined
    readonly warnings: readonly string[]
  }>
  /** Serves until told to stop; resolves with the exit code. */
  serve(): Promise<number>
}

export interface SimulatorOptions {
  readonly port: number
  /** Between two events of a stream, in ms; undefined = the simulator's own. */
  readonly paceMs: number | undefined
  /** How fast the model generates; undefined = as fast as it can. */
  readonly tokensPerSecond: number | undefined
  /** What it answers; undefined = the simulator's own. */
  readonly text: string | undefined
  /** Whether it asks the client to run a command and to edit a file before it answers. */
  readonly agent: boolean
}

export interface DemoOptions {
  /** Ends after one exchange. */
  readonly once: boolean
  /** With `once`: prints nothing but the usage, as JSON. */
  readonly json: boolean
}

/** All that the command line can do; made by main.ts. */
export interface World {
  readonly terminal: Terminal
  readonly now: Clock
  readonly version: string
  /** Who gives the command, as the operating system calls them. */
  readonly user: string
  randomBytes(length: number): Uint8Array
  /** Reads the settings; throws WrongUse when they are not right. `file` is what `--config` named. */
  load(file: string | undefined): Installation
  /** A configuration file with every setting at its default. */
  sampleConfig(): string
  simulate(options: SimulatorOptions): Promise<number>
  demo(options: DemoOptions): Promise<number>
}
