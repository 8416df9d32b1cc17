import { createHmac } from 'node:crypto'
import { Agent, request } from 'undici'
import type { AlertEvent, Log } from '../../ports.ts'

export interface WebhookOptions {
  readonly url: string
  readonly secret: string
  readonly log: Log
  /** How long one try may take. */
  readonly timeoutMs?: number
  /** Before the second try; twice as long before each further one. */
  readonly backoffMs?: number
  readonly tries?: number
  /** How many events may wait. */
  readonly most?: number
}

interface Event {
  readonly id: string
  readonly body: string
  readonly over: () => void
}

const TIMEOUT_MS = 10_000
const BACKOFF_MS = 1000
const BACKOFF_AT_MOST_MS = 60_000
const TRIES = 10
const MOST = 1000
/** What a gateway that stops gives the events that still wait, all together. */
const CLOSING_MS = 2000

/**
 * Posts events to an address of the administrator's, one after the other, each until it is taken or has been tried often
 * enough. Nobody waits for it; what does not fit into the queue is dropped, and told. Neither the address nor the secret
 * stands in the log, for both may open doors.
 *
 * `over` is called when there is nothing more to do about an event: it was taken, given up or dropped. It is not called of
 * events that still wait when the gateway stops: whoever keeps them has to send them again.
 */
export class Webhook implements AsyncDisposable {
  readonly #options: Required<WebhookOptions>
  readonly #agent = new Agent({ connections: 1, connect: { timeout: TIMEOUT_MS } })
  readonly #queue: Event[] = []
  readonly #closing = new AbortController()
  readonly #cut = new AbortController()
  #running: Promise<void> | undefined
  #dropped = 0

  constructor(options: WebhookOptions) {
    const usual = { timeoutMs: TIMEOUT_MS, backoffMs: BACKOFF_MS, tries: TRIES, most: MOST }
    this.#options = { ...usual, ...options }
  }

  send({ id, type }: AlertEvent, facts: Readonly<Record<string, unknown>>, over: () => void): void {
    if (this.#closing.signal.aborted) return
    if (this.#queue.length >= this.#options.most) {
      // One line a burst: the receiver is away, and says so elsewhere in the log.
      if (this.#dropped++ === 0) this.#options.log.warn('webhook queue full', { waiting: this.#queue.length })
      return over()
    }
    this.#queue.push({ id, body: JSON.stringify({ id, type, ...facts }), over })
    this.#running ??= this.#run()
  }

  /** Tries once more what waits, for a moment; what is then left is told. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    const timer = setTimeout(() => this.#cut.abort(), CLOSING_MS)
    await this.#running
    clearTimeout(timer)
    await this.#agent.destroy()
  }

  async #run(): Promise<void> {
    for (let event = this.#queue[0]; event; event = this.#queue[0]) {
      await this.#deliver(event)
      this.#queue.shift()
      if (this.#dropped > 0) this.#options.log.warn('webhook events dropped', { events: this.#dropped })
      this.#dropped = 0
    }
    // Before anybody else runs: what is sent from now on begins anew.
    this.#running = undefined
  }

  async #deliver(event: Event): Promise<void> {
    const { tries, backoffMs, log } = this.#options
    for (let number = 1; ; number++) {
      const trouble = await this.#post(event)
      if (trouble === undefined) return event.over()
      const { why, again } = trouble
      if (!again || number >= tries) {
        log.warn('webhook event given up', { event: event.id, tries: number, cause: why })
        return event.over()
      }
      if (this.#closing.signal.aborted) {
        return log.warn('webhook event left over', { event: event.id, tries: number, cause: why })
      }
      log.debug('webhook not taken yet', { event: event.id, tries: number, cause: why })
      await this.#wait(Math.min(backoffMs * 2 ** (number - 1), BACKOFF_AT_MOST_MS))
    }
  }

  /** What went wrong, and whether another try may help. */
  async #post({ body }: Event): Promise<{ readonly why: string; readonly again: boolean } | undefined> {
    const { url, secret, timeoutMs } = this.#options
    const timestamp = String(Math.floor(Date.now() / 1000))
    const signature = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')
    try {
      const answer = await request(url, {
        method: 'POST',
        dispatcher: this.#agent,
        headers: {
          'content-type': 'application/json',
          'user-agent': 'codex-gateway',
          'x-codex-gateway-timestamp': timestamp,
          'x-codex-gateway-signature': `sha256=${signature}`,
        },
        body,
        signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), this.#cut.signal]),
      })
      // Of what it says nothing is wanted, however much it is.
      answer.body.on('error', () => undefined).destroy()
      const { statusCode: status } = answer
      if (status < 300) return undefined
      return { why: `status ${status}`, again: status >= 500 || status === 429 || status === 408 }
    } catch (cause) {
      return { why: reasonOf(cause), again: true }
    }
  }

  async #wait(ms: number): Promise<void> {
    const { signal } = this.#closing
    if (signal.aborted) return
    await new Promise<void>((resolve) => {
      const over = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', over)
        resolve()
      }
      const timer = setTimeout(over, ms)
      signal.addEventListener('abort', over)
    })
  }
}

/** The code alone: messages name the address. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return 'unknown'
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name
}
