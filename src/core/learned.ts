/**
 * Figures that are learned from what comes one by one, and in which what came later counts more: of what came 50 values
 * ago about a third is left. Until something has come, what they were made with holds.
 */
const NEWEST_SHARE = 0.02

export class Mean {
  #count = 0
  #value: number

  constructor(first: number) {
    this.#value = first
  }

  get value(): number {
    return this.#value
  }

  add(value: number): void {
    this.#value += (value - this.#value) * Math.max(NEWEST_SHARE, 1 / ++this.#count)
  }
}

/** Tokens a byte. Of sums, not a mean of quotients: what is long costs most, and tells most. */
export class Ratio {
  readonly #first: number
  #tokens = 0
  #bytes = 0

  constructor(first: number) {
    this.#first = first
  }

  get value(): number {
    return this.#bytes === 0 ? this.#first : this.#tokens / this.#bytes
  }

  add(tokens: number, bytes: number): void {
    this.#tokens = this.#tokens * (1 - NEWEST_SHARE) + tokens
    this.#bytes = this.#bytes * (1 - NEWEST_SHARE) + bytes
  }
}

/** Sizes that differ less than by about so many bytes do not tell how tokens grow with them. */
const TELLING_BYTES = 1000

/** Tokens by bytes, of which some part (the same each time) is no input that is new: a straight line. */
export class Trend {
  readonly #firstSlope: number
  #count = 0
  #bytes = 0
  #tokens = 0
  #variance = 0
  #covariance = 0

  constructor(firstSlope: number) {
    this.#firstSlope = firstSlope
  }

  at(bytes: number): number {
    const slope = (this.#covariance + TELLING_BYTES ** 2 * this.#firstSlope) / (this.#variance + TELLING_BYTES ** 2)
    return Math.max(0, this.#tokens + slope * (bytes - this.#bytes))
  }

  add(tokens: number, bytes: number): void {
    const share = Math.max(NEWEST_SHARE, 1 / ++this.#count)
    const [byBytes, byTokens] = [bytes - this.#bytes, tokens - this.#tokens]
    this.#bytes += byBytes * share
    this.#tokens += byTokens * share
    this.#variance = (1 - share) * (this.#variance + share * byBytes ** 2)
    this.#covariance = (1 - share) * (this.#covariance + share * byBytes * byTokens)
  }
}
