/** A request as it came over the wire. */
export interface ReceivedRequest {
  readonly method: string
  /** With its query. */
  readonly url: string
  readonly httpVersion: string
  /** Name, value, name, value, in order, with case and duplicates. */
  readonly rawHeaders: readonly string[]
  /** Not decompressed. */
  readonly body: Buffer
  /** Milliseconds since 1970. */
  readonly at: number
  /** The port of the other end: the same for requests of one connection. */
  readonly remotePort: number | undefined
}

/** Keeps the last requests, so many and no more. */
export class RequestBook {
  readonly #most: number
  #requests: ReceivedRequest[] = []

  constructor(most: number) {
    this.#most = most
  }

  add(request: ReceivedRequest): void {
    if (this.#most === 0) return
    this.#requests.push(request)
    if (this.#requests.length > this.#most) this.#requests.shift()
  }

  all(): readonly ReceivedRequest[] {
    return [...this.#requests]
  }

  clear(): void {
    this.#requests = []
  }
}
