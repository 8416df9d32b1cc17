import { randomBytes } from 'node:crypto'
import { userInfo } from 'node:os'
import {
  backUpStore,
  initStore,
  type Installation,
  restoreStore,
  runCommandLine,
  serve,
  simulate,
  withStore,
  type World,
  WrongUse,
} from './app.ts'
import { type Config, ConfigError, loadConfig, productVersion } from './config.ts'
import { cardChangeOf } from './config-rates.ts'
import { sampleConfig } from './config-sample.ts'
import { demo } from './demo.ts'
import { processTerminal } from './terminal.ts'

function load(path: string | undefined, env: NodeJS.ProcessEnv = process.env): Installation {
  return installationOf(asked(() => loadConfig({ path, env })))
}

function installationOf(config: Config): Installation {
  const { limits } = config
  return {
    databaseUrl: config.database.url,
    file: config.file,
    settings: config.origins,
    warnings: config.warnings,
    defaults: {
      memberConcurrency: limits.defaultMemberConcurrency,
      memberFiveHourQuota: limits.defaultMember5hQuota,
      memberWeeklyQuota: limits.defaultMemberWeeklyQuota,
      upstreamConcurrency: limits.defaultUpstreamConcurrency,
      quotaWindow: config.quota.window,
    },
    card: cardChangeOf(config.credit),
    reconcile: config.reconcile,
    initialize: () => asked(() => initStore(config)),
    withStore: (use) => asked(() => withStore(config, use)),
    backUp: (file) => asked(() => backUpStore(config, file)),
    restore: (file) => asked(() => restoreStore(config, file, new Date())),
    serve: () => asked(() => serve(config)),
  }
}

/** Settings that are not right are a wrong use of the command. */
function asked<T>(work: () => T): T {
  const told = (error: unknown): never => {
    throw error instanceof ConfigError ? new WrongUse(error.message, { cause: error }) : error
  }
  try {
    const result = work()
    return result instanceof Promise ? (result.catch(told) as T) : result
  } catch (error) {
    return told(error)
  }
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}` // In containers users may have no name.
  }
}

const terminal = processTerminal()
const world: World = {
  terminal,
  now: Date.now,
  version: productVersion(),
  user: userName(),
  randomBytes,
  load: (path) => load(path),
  sampleConfig,
  simulate,
  demo: (options) =>
    demo(options, {
      print: (text) => terminal.print(text),
      // The demo is the same wherever it runs: settings of the environment are those of another gateway.
      runCommandLine: (args) => runCommandLine(args, { ...world, load: (path) => load(path, {}) }),
      strangers: Object.keys(process.env).filter((name) => name.startsWith('CODEX_GATEWAY_')),
    }),
}
const code = await runCommandLine(process.argv.slice(2), world)
// Whatever was written is out before the process goes.
const lost = await terminal.written()
if (lost !== undefined) terminal.complain(`error: cannot write the answer: ${lost}\n`)
process.exit(lost === undefined ? code : code || 1)
