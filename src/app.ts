/** Composition root: builds adapters from the configuration and hands them to whoever works with them. */
import { openStore } from './adapters/store/store.ts'
import type { AdminStore, DemoOptions, SimulatorOptions } from './admin/world.ts'
import { type Config, readSealingKey } from './config.ts'
import type { Log } from './ports.ts'

export { runCommandLine } from './admin/cli.ts'
export type { Installation, Terminal, World } from './admin/world.ts'
export { WrongUse } from './admin/wrong-use.ts'

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} }

/** Makes the key file and the database where they are missing. */
export async function initStore(
  config: Config,
): Promise<{ readonly keyFile: string | undefined; readonly warnings: readonly string[] }> {
  const sealing = readSealingKey(config, { create: true })
  const { path, durability } = config.database
  await using store = await openStore({ path, durability, role: 'cli', sealingKey: sealing.key, log: SILENT })
  return { keyFile: sealing.file, warnings: [...sealing.warnings, ...store.warnings] }
}

/** Lends the store to a command. */
export async function withStore<T>(config: Config, use: (store: AdminStore) => Promise<T>): Promise<T> {
  const sealing = readSealingKey(config, { create: false })
  const { path, durability } = config.database
  await using store = await openStore({ path, durability, role: 'cli', sealingKey: sealing.key, log: SILENT })
  return await use({
    registry: store.registry,
    reports: store.reports,
    warnings: [...sealing.warnings, ...store.warnings],
  })
}

export async function serve(_config: Config): Promise<number> {
  throw new Error('serve is not part of this version')
}

export async function simulate(_options: SimulatorOptions): Promise<number> {
  throw new Error('the simulator is not part of this version')
}

export async function demo(_options: DemoOptions): Promise<number> {
  throw new Error('the demo is not part of this version')
}
