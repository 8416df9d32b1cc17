import type { RateCard } from './price.ts'
import { namesOf } from './rate-lookup.ts'

/**
 * What is wrong with factors of models of which the card has no row, under any of their names: as long as nobody asks for
 * that very name they do nothing, and nobody would notice a slip of the pen.
 */
export function idleTierWarnings({ modelTiers, rates, aliases, fallback }: RateCard): readonly string[] {
  const known = (name: string): boolean => name === fallback.model || rates.has(name)
  return [...modelTiers.keys()]
    .filter((model) => !namesOf(model, aliases).some(known))
    .map((model) => {
      const name = JSON.stringify(model)
      return `[credit] tiers: there is no rate of a model ${name}: its factors count only for calls that ask for that very name`
    })
}
