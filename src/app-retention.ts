/** Composition root, continued: old rows go while the gateway runs. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from './config-shape.ts'
import { DAY_MS } from './core/calendar.ts'
import type { Clock, Log, Retention } from './ports.ts'

/** What one transaction deletes: a few milliseconds of the writer's time, for calls wait meanwhile. */
const BATCH = 100
const BETWEEN_MS = 50
const EVERY_MS = 600_000

/** Deletes what is older than the settings say, in small batches, now and again and again until `stop`. Never rejects. */
export async function keepTidy(
  retention: Retention,
  settings: Config['retention'],
  { log, now, stop }: { readonly log: Log; readonly now: Clock; readonly stop: AbortSignal },
): Promise<void> {
  if (settings.callsDays === 0 && settings.connectionsDays === 0) return
  let [calls, connections] = [0, 0]
  while (!stop.aborted) {
    const before = {
      calls: cutoff(settings.callsDays, now()),
      connections: cutoff(settings.connectionsDays, now()),
    }
    let more = false
    try {
      const gone = await retention.prune(before, BATCH)
      calls += gone.calls
      connections += gone.connections
      more = gone.calls === BATCH || gone.connections === BATCH
    } catch (cause) {
      log.warn('retention_failed', { message: String(cause) })
    }
    if (!more && calls + connections > 0) {
      log.info('retention', { calls, connections })
      ;[calls, connections] = [0, 0]
    }
    await sleep(more ? BETWEEN_MS : EVERY_MS, undefined, { signal: stop, ref: false }).catch(() => undefined) // Stopped.
  }
}

function cutoff(days: number, now: number): number | undefined {
  return days === 0 ? undefined : Math.max(0, now - days * DAY_MS)
}
