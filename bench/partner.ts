import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** A module of the benchmark that runs in a process of its own and answers what it is asked, one thing at a time. */
export class Partner<Order extends object> implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #name: string

  private constructor(child: ChildProcess, name: string) {
    this.#child = child
    this.#name = name
  }

  /** `hello` is what it says first. */
  static async start<Order extends object>(name: string): Promise<{ partner: Partner<Order>; hello: unknown }> {
    const child = fork(fileURLToPath(new URL(name, import.meta.url)), { env: {} })
    const partner = new Partner<Order>(child, name)
    return { partner, hello: await partner.#heard() }
  }

  get pid(): number {
    return this.#child.pid ?? Number.NaN
  }

  async ask(order: Order): Promise<unknown> {
    const answer = this.#heard()
    this.#child.send(order)
    return await answer
  }

  async #heard(): Promise<unknown> {
    const waiting = new AbortController()
    const { signal } = waiting
    const ended = once(this.#child, 'exit', { signal }).then(([code]) => {
      throw new Error(`${this.#name} ended (code ${String(code)})`)
    })
    try {
      const [answer] = (await Promise.race([once(this.#child, 'message', { signal }), ended])) as unknown[]
      return answer
    } finally {
      ended.catch(() => undefined)
      waiting.abort()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.disconnect()
    await exited
  }
}
