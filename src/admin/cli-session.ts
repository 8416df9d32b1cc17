import { Command } from 'commander'
import { csv, type CsvColumn } from './csv.ts'
import { table, type Column } from './table.ts'
import type { AdminStore, Installation, World } from './world.ts'

interface GlobalOptions {
  readonly config?: string
  readonly json?: boolean
}

/** One run of a command: what it may do, and how it answers. */
export class Session {
  readonly world: World
  readonly json: boolean
  readonly #configFile: string | undefined
  #installation: Installation | undefined
  readonly #warned = new Set<string>()

  constructor(world: World, options: GlobalOptions) {
    this.world = world
    this.json = options.json ?? false
    this.#configFile = options.config
  }

  /** Read when it is first asked for, so that a command which needs no settings is not stopped by them. */
  load(): Installation {
    if (!this.#installation) {
      this.#installation = this.world.load(this.#configFile)
      this.warn(this.#installation.warnings)
    }
    return this.#installation
  }

  withStore<T>(use: (store: AdminStore) => Promise<T>): Promise<T> {
    return this.load().withStore((store) => {
      this.warn(store.warnings)
      return use(store)
    })
  }

  /** The value as JSON, or the lines for people and scripts. */
  answer(json: unknown, ...lines: readonly string[]): void {
    const text = this.json ? JSON.stringify(json, undefined, 2) : lines.join('\n')
    this.world.terminal.print(`${text}\n`)
  }

  /** A list as asked for: else JSON after `--json`, a table on a terminal, or one plain line for each. */
  list<T>(rows: readonly T[], form: ListForm<T>, format?: ListFormat): void {
    const { terminal } = this.world
    if (this.json || format === 'json') terminal.print(`${JSON.stringify(rows.map(form.json), undefined, 2)}\n`)
    else if (format === 'csv') terminal.print(csv(form.csv ?? [], rows))
    else if (rows.length === 0) this.answer(undefined, form.none)
    else if (terminal.interactive || format === 'table') terminal.print(table(form.columns, rows, terminal.colour))
    else this.answer(undefined, ...rows.map(form.line))
  }

  /** Each is said once, however often the store is opened. */
  warn(warnings: readonly string[]): void {
    for (const warning of warnings) {
      if (this.#warned.has(warning)) continue
      this.#warned.add(warning)
      this.world.terminal.complain(`warning: ${warning}\n`)
    }
  }
}

export type ListFormat = 'table' | 'csv' | 'json'

export interface ListForm<T> {
  readonly json: (row: T) => object
  readonly line: (row: T) => string
  readonly columns: readonly Column<T>[]
  /** Where the list can be had as CSV. */
  readonly csv?: readonly CsvColumn<T>[]
  /** Said when there is nothing. */
  readonly none: string
}

/** What a command does: resolves with the exit code, or with nothing for 0. */
export type Action<Options> = (session: Session, args: readonly string[], options: Options) => Promise<number | void>

/** Adds a command with an example; `usage` is its name and arguments as commander reads them. */
export interface CommandPlan {
  readonly usage: string
  readonly summary: string
  readonly example: string
}

/** Hands out commands whose actions run in a session of `world`, and keeps the exit code of the one that ran. */
export class CommandSet {
  readonly #world: World
  exitCode = 0

  constructor(world: World) {
    this.#world = world
  }

  add<Options>(parent: Command, plan: CommandPlan, action: Action<Options>): Command {
    const command = parent.command(plan.usage).description(plan.summary)
    command.addHelpText('after', `\nExample:\n  codex-gateway ${plan.example}\n`)
    return command.action(async () => {
      const options = command.optsWithGlobals<GlobalOptions & Options>()
      const code = await action(new Session(this.#world, options), command.args, options)
      this.exitCode = code ?? 0
    })
  }
}
