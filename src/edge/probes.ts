import type { IncomingMessage, ServerResponse } from 'node:http'
import type { EstimatorError } from '../core/estimate.ts'
import type { Clock, Directory, Ledger } from '../ports.ts'

/** What readiness depends on. */
export interface Readiness {
  readonly directory: Pick<Directory, 'upstreams'>
  readonly ledger: Ledger
  readonly now: Clock
  readonly draining: () => boolean
  /** How far off estimates have been. */
  readonly estimates: () => EstimatorError | undefined
  /** Models that the rate card does not know, seen in the last hour. */
  readonly unpriced: () => readonly string[]
  /** Service tiers that it does not know, in the same way. */
  readonly unknownTiers: () => readonly string[]
}

interface Report {
  readonly ready: boolean
  /** The store took a write within the last second, and calls when they were last written. */
  readonly store: 'ok' | 'failed'
  readonly upstream_keys: number
  readonly draining: boolean
  /** The median is a share: 0.05 are 5 %. */
  readonly estimates: { readonly calls: number; readonly median_error: number } | null
  readonly priced_by_fallback: readonly string[]
  readonly charged_as_standard_tier: readonly string[]
}

const FRESH_MS = 1000
const PROBE_MS = 800

/** `/healthz`: alive. `/readyz`: may be sent calls; the store is asked at most once a second. */
export class Probes {
  readonly #of: Readiness
  #storeCheckedAt = -Infinity
  #store: Promise<boolean> = Promise.resolve(false)

  constructor(of: Readiness) {
    this.#of = of
  }

  /** Answers if the request is for a probe; false when it is for somebody else. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const path = (request.url ?? '').split('?', 1)[0]
    if (path !== '/healthz' && path !== '/readyz') return false
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      reply(response, 405, 'text/plain; charset=utf-8', 'method not allowed\n')
    } else if (path === '/healthz') {
      reply(response, 200, 'text/plain; charset=utf-8', 'ok')
    } else {
      const report = await this.#report()
      const json = /\bapplication\/json\b/.test(request.headers.accept ?? '')
      const text = json ? JSON.stringify(report) : report.ready ? 'ready' : 'not ready'
      reply(response, report.ready ? 200 : 503, json ? 'application/json' : 'text/plain; charset=utf-8', text)
    }
    return true
  }

  async #report(): Promise<Report> {
    const store = await this.#storeWrites()
    const keys = this.#of.directory.upstreams().filter((upstream) => upstream.enabled).length
    const ready = store && keys > 0
    const error = this.#of.estimates()
    const estimates = error ? { calls: error.calls, median_error: Number(error.median.toFixed(4)) } : null
    return {
      ready,
      store: store ? 'ok' : 'failed',
      upstream_keys: keys,
      draining: this.#of.draining(),
      estimates,
      priced_by_fallback: this.#of.unpriced(),
      charged_as_standard_tier: this.#of.unknownTiers(),
    }
  }

  #storeWrites(): Promise<boolean> {
    const now = this.#of.now()
    if (now - this.#storeCheckedAt >= FRESH_MS) {
      this.#storeCheckedAt = now
      this.#store = inTime(this.#of.ledger.probe())
    }
    return this.#store
  }
}

/** Whether it succeeds soon: who asks for readiness does not wait for long. */
async function inTime(written: Promise<void>): Promise<boolean> {
  return await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), PROBE_MS)
    written
      .then(
        () => resolve(true),
        () => resolve(false),
      )
      .finally(() => clearTimeout(timer))
  })
}

function reply(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' })
  response.end(body)
}
