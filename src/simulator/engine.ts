import { Speaker } from './answer.ts'
import { ApiError } from './api-error.ts'
import { PromptCache, type CacheUse } from './cache.ts'
import { asText, type JsonObject } from './json.ts'
import type { NamedKey } from './keys.ts'
import { RateLimits } from './limits.ts'
import { ModelShelf, type SimulatedModel } from './models.ts'
import type { Settings } from './options.ts'
import type { ReplyHeaders } from './outlet.ts'
import { promptOf } from './prompt.ts'
import { openTokenizer, type Tokenizer } from './tokens.ts'

/** What became of a request when a model took it up. */
export interface Intake {
  readonly model: SimulatedModel
  readonly serviceTier: string
  readonly inputTokens: number
  readonly cache: CacheUse
  readonly headers: ReplyHeaders
  readonly speaker: Speaker
}

export interface Mind {
  readonly tokenizer: Tokenizer
  readonly speaker: Speaker
}

const TIERS = ['auto', 'default', 'flex', 'priority', 'scale', 'batch', 'ultrafast']

/** The models behind the API: knows them, counts, limits, remembers prompts, and speaks. */
export class Engine {
  readonly shelf: ModelShelf
  readonly #settings: Settings
  readonly #limits: RateLimits
  readonly #cache: PromptCache
  #mind: Promise<Mind> | undefined

  constructor(settings: Settings) {
    this.#settings = settings
    this.shelf = new ModelShelf(settings.models)
    this.#limits = new RateLimits(settings.rateLimit)
    this.#cache = new PromptCache(settings.cacheWrites)
  }

  /** Takes a request up. Throws an ApiError for a model, a tier or an amount that it may not have. */
  async take(body: JsonObject, key: NamedKey): Promise<Intake> {
    const requested = asText(body['model'])
    if (requested === undefined) {
      throw new ApiError(400, "Missing required parameter: 'model'.", {
        param: 'model',
        code: 'missing_required_parameter',
      })
    }
    const model = this.shelf.find(requested, key)
    const serviceTier = tierOf(body['service_tier'])
    const { tokenizer, speaker } = await this.mind()
    const prompt = promptOf(body).map((text) => tokenizer.encode(text))
    const inputTokens = prompt.reduce((sum, tokens) => sum + tokens.length, 0)
    const limits = this.#limits.admit(key, model.id, inputTokens)
    const cache = this.#cache.use(`${key.organization} ${asText(body['prompt_cache_key']) ?? ''} ${model.id}`, prompt)
    const headers = { ...limits, ...this.#modelHeader(model, requested) }
    return { model, serviceTier, inputTokens, cache, headers, speaker }
  }

  /** The limits' headers for a reply to which no model was put. */
  limitHeaders(key: NamedKey, model?: string): ReplyHeaders {
    return this.#limits.stated(key, model)
  }

  /** Counts a realtime response in. Throws OpenAI's 429 where there is no room for it. */
  admit(key: NamedKey, model: string, inputTokens: number): void {
    this.#limits.admit(key, this.shelf.find(model, key).id, inputTokens)
  }

  /** What counts tokens and decides what is said. */
  mind(): Promise<Mind> {
    return (this.#mind ??= this.#think())
  }

  /** Forgets the prompts. */
  clear(): void {
    this.#cache.clear()
  }

  async #think(): Promise<Mind> {
    const tokenizer = await openTokenizer(this.#settings.tokens)
    return { tokenizer, speaker: new Speaker(this.#settings, tokenizer) }
  }

  #modelHeader(model: SimulatedModel, requested: string): ReplyHeaders {
    const { openaiModel } = this.#settings
    if (openaiModel === 'absent') return {}
    return { 'openai-model': openaiModel === 'requested' ? requested : (model.snapshot ?? model.id) }
  }
}

/** The tier that is really used. */
function tierOf(requested: unknown): string {
  if (requested === undefined || requested === null || requested === 'auto') return 'default'
  if (typeof requested === 'string' && TIERS.includes(requested)) return requested
  throw new ApiError(
    400,
    `Invalid value: ${JSON.stringify(requested)}. Supported values are: ${TIERS.map((tier) => `'${tier}'`).join(', ')}.`,
    { param: 'service_tier', code: 'invalid_value' },
  )
}
