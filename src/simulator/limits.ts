import { ApiError } from './api-error.ts'
import type { NamedKey } from './keys.ts'
import type { RateLimit } from './options.ts'

/** What replies state where no limit is set. */
const GENEROUS: RateLimit = { requestsPerMinute: 30_000, tokensPerMinute: 180_000_000 }

/** What is left of a limit; it fills up again evenly over a minute. */
class Bucket {
  readonly #size: number
  #left: number
  #at: number

  constructor(size: number, now: number) {
    this.#size = size
    this.#left = size
    this.#at = now
  }

  /** Takes `amount` if it is there. */
  take(amount: number, now: number): boolean {
    this.#left = Math.min(this.#size, this.#left + ((now - this.#at) / 60_000) * this.#size)
    this.#at = now
    if (this.#left < amount) return false
    this.#left -= amount
    return true
  }

  get left(): number {
    return Math.floor(this.#left)
  }

  /** Until `amount` is there. */
  waitMs(amount: number): number {
    return Math.max(0, ((Math.min(amount, this.#size) - this.#left) / this.#size) * 60_000)
  }

  headers(of: string): Record<string, string> {
    return {
      [`x-ratelimit-limit-${of}`]: String(this.#size),
      [`x-ratelimit-remaining-${of}`]: String(this.left),
      [`x-ratelimit-reset-${of}`]: duration(this.waitMs(this.#size)),
    }
  }
}

/** The rate limits of every project and model, in OpenAI's words and headers. */
export class RateLimits {
  readonly #limit: RateLimit
  readonly #enforced: boolean
  readonly #buckets = new Map<string, { readonly requests: Bucket; readonly tokens: Bucket }>()

  constructor(limit: RateLimit | undefined) {
    this.#limit = limit ?? GENEROUS
    this.#enforced = limit !== undefined
  }

  /** Counts a call and gives the headers of its reply. Throws OpenAI's 429 where there is no room for it. */
  admit(key: NamedKey, model: string, tokens: number): Record<string, string> {
    const now = performance.now()
    const { requests, tokens: tokenBucket } = this.#bucketsOf(`${key.project} ${model}`, now)
    const counted = Math.min(tokens, this.#limit.tokensPerMinute)
    const refused = !requests.take(1, now) ? 'requests' : !tokenBucket.take(counted, now) ? 'tokens' : undefined
    const headers = { ...requests.headers('requests'), ...tokenBucket.headers('tokens') }
    if (refused === undefined || !this.#enforced) return headers
    const waitMs = Math.ceil(refused === 'requests' ? requests.waitMs(1) : tokenBucket.waitMs(counted))
    const [unit, limit] =
      refused === 'requests' ? ['RPM', this.#limit.requestsPerMinute] : ['TPM', this.#limit.tokensPerMinute]
    throw new ApiError(
      429,
      `Rate limit reached for ${model} in organization ${key.organization} on ${refused} per min (${unit}): Limit ${limit}, Requested ${refused === 'requests' ? 1 : counted}. Please try again in ${duration(waitMs)}. Visit https://platform.openai.com/account/rate-limits to learn more.`,
      {
        type: refused,
        code: 'rate_limit_exceeded',
        headers: { ...headers, 'retry-after': String(Math.ceil(waitMs / 1000)), 'retry-after-ms': String(waitMs) },
      },
    )
  }

  /** The headers of a reply that counts for nothing, such as a handshake's; the model may not be known yet. */
  stated(key: NamedKey, model: string = ''): Record<string, string> {
    const { requests, tokens } = this.#bucketsOf(`${key.project} ${model}`, performance.now())
    return { ...requests.headers('requests'), ...tokens.headers('tokens') }
  }

  #bucketsOf(name: string, now: number): { readonly requests: Bucket; readonly tokens: Bucket } {
    const known = this.#buckets.get(name)
    if (known !== undefined) return known
    const { requestsPerMinute, tokensPerMinute } = this.#limit
    const made = { requests: new Bucket(requestsPerMinute, now), tokens: new Bucket(tokensPerMinute, now) }
    this.#buckets.set(name, made)
    return made
  }
}

/** As OpenAI writes them: `12ms`, `1.5s`, `6m0s`. */
function duration(ms: number): string {
  if (ms < 1000) return `${Math.ceil(ms)}ms`
  if (ms < 60_000) return `${Math.ceil(ms) / 1000}s`
  return `${Math.floor(ms / 60_000)}m${Math.ceil((ms % 60_000) / 1000)}s`
}
