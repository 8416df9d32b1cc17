/** `kill -9` at random instants of a gateway under load, one gateway after another on one ground. */
import { equal } from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { askOnAndOn, converseOnAndOn, Heard } from './load.ts'
import { randomFrom } from './random.ts'
import { launch, type Launch, type Launched, serve } from './serve.ts'
import { type Ground, startGround } from './stand.ts'

/** Of each kind, for each key. */
const CLIENTS = 2

/**
 * When a gateway is killed: before it listens; in the middle of the first calls; or once so many answers have been seen
 * to be complete, for a time alone says little about how far a busy machine has come.
 */
export type Instant =
  | { readonly phase: 'starting'; readonly afterMs: number }
  | { readonly phase: 'first calls'; readonly afterMs: number }
  | { readonly phase: 'serving'; readonly answers: number; readonly afterMs: number }

/** Has a gateway's code compiled, which Node keeps at an orderly end only. */
export async function compileGateway(): Promise<void> {
  await using ground = await startGround()
  await using gateway = await serve(ground.configFile)
  gateway.signal('SIGTERM')
  await gateway.ended
}

export class Killer {
  readonly heard: Heard = new Heard()
  readonly #ground: Ground
  readonly #keys: readonly string[]
  readonly #random: () => number
  readonly #kills: { readonly pid: number; readonly instant: Instant }[] = []
  /** How long the last one took to listen. */
  #startMs = 1000

  /** All that is random here follows from the seed: instants and load, though not what the machine makes of them. */
  constructor(ground: Ground, keys: readonly string[], seed: number) {
    this.#ground = ground
    this.#keys = keys
    this.#random = randomFrom(seed)
  }

  /** Gives the number of the process that was killed. */
  async kill(how: Launch = {}, instant: Instant = this.#instant()): Promise<number> {
    const began = performance.now()
    await using gateway = launch(this.#ground.configFile, how)
    this.#kills.push({ pid: gateway.pid, instant })
    if (instant.phase === 'starting') {
      await sleep(instant.afterMs)
      gateway.signal('SIGKILL')
    } else {
      const url = await gateway.listening()
      this.#startMs = performance.now() - began
      await this.#killUnderLoad(gateway, url, instant)
    }
    equal(await gateway.ended, 'SIGKILL')
    return gateway.pid
  }

  #instant(): Instant {
    const [which, much] = [this.#random(), this.#random()]
    if (which < 0.1) return { phase: 'starting', afterMs: much * this.#startMs }
    if (which < 0.3) return { phase: 'first calls', afterMs: much * 200 }
    // Also in the very moment in which the end of an answer is seen.
    return { phase: 'serving', answers: 1 + Math.floor(this.#random() * 10), afterMs: Math.max(0, much * 60 - 30) }
  }

  async #killUnderLoad(gateway: Launched, url: string, instant: Instant): Promise<void> {
    let killed = false
    const { heard } = this
    const before = heard.completed.size
    const enough = new Promise<void>((resolve) => {
      heard.onCompleted = () => {
        if (instant.phase === 'serving' && heard.completed.size >= before + instant.answers) resolve()
      }
    })
    const clients = this.#keys.flatMap((key) => {
      const load = { url, key, heard, random: randomFrom(this.#random() * 2 ** 32), killed: () => killed }
      return Array.from({ length: CLIENTS }, () => [askOnAndOn(load), converseOnAndOn(load)]).flat()
    })
    if (instant.phase === 'serving') await enough
    if (instant.afterMs > 0) await sleep(instant.afterMs)
    killed = true
    gateway.signal('SIGKILL')
    await Promise.all(clients)
  }

  /** The same of the one that was killed last. */
  get last(): string {
    return this.story(this.#kills.at(-1)?.pid)
  }

  /** How the process of this number was killed. */
  readonly story = (pid: unknown): string => {
    const number = this.#kills.findIndex((kill) => kill.pid === pid)
    const kill = this.#kills[number]
    return kill
      ? `kill ${number + 1} of ${this.#kills.length} ${JSON.stringify(kill.instant)}`
      : 'not of a gateway that was killed'
  }
}
