import { ApiError } from './api-error.ts'
import type { NamedKey } from './keys.ts'

/** A model of the simulated OpenAI. */
export interface SimulatedModel {
  readonly id: string
  /** The dated name which replies give it; by default the id. It may be asked for as well. */
  readonly snapshot?: string
}

/** The models that Codex offers, those that older clients ask for, and those of the realtime API. */
export const DEFAULT_MODELS: readonly SimulatedModel[] = [
  { id: 'gpt-6-astra' },
  { id: 'gpt-6.1-sol' },
  { id: 'gpt-6.1-terra' },
  { id: 'gpt-6-sol' },
  { id: 'gpt-6-luna' },
  { id: 'gpt-5.6-sol' },
  { id: 'gpt-5.6-terra' },
  { id: 'gpt-5.6-luna' },
  { id: 'gpt-5.5', snapshot: 'gpt-5.5-2026-04-23' },
  { id: 'gpt-5.4', snapshot: 'gpt-5.4-2026-03-05' },
  { id: 'gpt-5.4-mini', snapshot: 'gpt-5.4-mini-2026-03-17' },
  { id: 'gpt-5.3-codex' },
  { id: 'gpt-5.2-codex' },
  { id: 'gpt-5.2', snapshot: 'gpt-5.2-2025-12-11' },
  { id: 'gpt-5.1-codex-max' },
  { id: 'gpt-5.1-codex' },
  { id: 'gpt-5.1-codex-mini' },
  { id: 'gpt-5-codex' },
  { id: 'gpt-5', snapshot: 'gpt-5-2025-08-07' },
  { id: 'codex-auto-review' },
  { id: 'gpt-realtime', snapshot: 'gpt-realtime-2025-08-28' },
  { id: 'gpt-realtime-1.5' },
  { id: 'gpt-live-1-codex' },
  { id: 'gpt-realtime-mini', snapshot: 'gpt-realtime-mini-2025-10-06' },
]

/** 2025-08-07, when the first of them came out. */
const CREATED_SECONDS = 1_754_524_800

export class ModelShelf {
  readonly #models: readonly SimulatedModel[]
  readonly #byName = new Map<string, SimulatedModel>()

  constructor(models: readonly SimulatedModel[]) {
    this.#models = models
    for (const model of models) {
      if (model.snapshot !== undefined) this.#byName.set(model.snapshot, model)
    }
    for (const model of models) this.#byName.set(model.id, model)
  }

  /** Throws OpenAI's 404 `model_not_found` for a model that is unknown or closed to the key's project. */
  find(name: string, key: NamedKey): SimulatedModel {
    const model = this.#byName.get(name)
    const open = model !== undefined && (key.models === undefined || key.models.includes(model.id))
    if (open) return model
    throw new ApiError(404, `The model \`${name}\` does not exist or you do not have access to it.`, {
      code: 'model_not_found',
    })
  }

  /** How the books name a model: dated where it has a date. */
  nameOf(name: string): string {
    return this.#byName.get(name)?.snapshot ?? name
  }

  /** The body of `GET /v1/models`. */
  list(key: NamedKey): string {
    const open = this.#models.filter((model) => key.models === undefined || key.models.includes(model.id))
    const data = open.map(({ id }) => ({ id, object: 'model', created: CREATED_SECONDS, owned_by: 'system' }))
    return JSON.stringify({ object: 'list', data })
  }
}
