/** Composition root, continued: copies of the database. */
import { backUp, caughtUp, mustExist, restore, StoreRefused } from './adapters/store/store.ts'
import { WrongUse } from './admin/wrong-use.ts'
import { readSealingKey } from './config-sealing-key.ts'
import type { Config } from './config-shape.ts'

/** Copies the database, which may be in use; the sealing key is not in the copy. */
export async function backUpStore(
  config: Config,
  file: string,
): Promise<{ readonly bytes: number; readonly keyFile: string | undefined; readonly warnings: readonly string[] }> {
  const { path } = config.database
  mustExist(path)
  const warnings = await caughtUp(path)
  const bytes = refusable(() => backUp(path, file))
  return { bytes, keyFile: keyFileOf(config), warnings }
}

/** Puts a copy in the place of the database, once it has been checked; what was there is kept, named by the time. */
export async function restoreStore(
  config: Config,
  file: string,
  now: Date,
): Promise<{
  readonly aside: string | undefined
  readonly keyFile: string | undefined
  readonly warnings: readonly string[]
}> {
  const sealing = readSealingKey(config, { create: false })
  const stamp = now.toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const { aside, warnings } = refusable(() => restore(config.database.path, file, sealing.key, stamp))
  return { aside, keyFile: keyFileOf(config), warnings: [...sealing.warnings, ...warnings] }
}

function keyFileOf(config: Config): string | undefined {
  return config.secretKey ? undefined : config.secrets.keyFile
}

/** What is refused has changed nothing. A wrong use it is where other words are needed, not where another time is. */
function refusable<T>(work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw cause instanceof StoreRefused && !cause.busy ? new WrongUse(cause.message, { cause }) : cause
  }
}
