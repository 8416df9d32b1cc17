import { asObject, type JsonObject } from './json.ts'
import type { Simulator } from './simulator.ts'

/** What a test says to a simulator. */
export interface Ask {
  readonly path?: string
  readonly key?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** A streamed answer as far as it came. */
export interface Heard {
  readonly status: number
  readonly headers: Headers
  readonly events: readonly JsonObject[]
  readonly raw: string
  /** Whether the body ended in good order. */
  readonly whole: boolean
}

export const MODEL = 'gpt-5.5'

export function post(simulator: Simulator, body: unknown, ask: Ask = {}): Promise<Response> {
  const { path = '/v1/responses', key = 'sk-sim-alpha', headers, signal } = ask
  return fetch(simulator.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  })
}

/** Streams a question and takes down what comes, also when it breaks off. */
export async function hear(simulator: Simulator, body: JsonObject = {}, ask: Ask = {}): Promise<Heard> {
  const reply = await post(simulator, { model: MODEL, input: 'hi', stream: true, ...body }, ask)
  let [raw, whole] = ['', true]
  const decoder = new TextDecoder()
  try {
    for await (const chunk of reply.body ?? []) raw += decoder.decode(chunk, { stream: true })
  } catch {
    whole = false // A connection that was cut is what some tests are about.
  }
  return { status: reply.status, headers: reply.headers, events: eventsIn(raw), raw, whole }
}

export async function json(reply: Promise<Response>): Promise<JsonObject> {
  return asObject(await (await reply).json()) ?? {}
}

/** The `data:` lines which are whole and JSON. */
export function eventsIn(raw: string): readonly JsonObject[] {
  return raw
    .split('\n\n')
    .slice(0, -1)
    .flatMap((frame) => {
      const data = /^data: (\{.*\})$/m.exec(frame)?.[1]
      const event = data === undefined ? undefined : asObject(JSON.parse(data))
      return event === undefined ? [] : [event]
    })
}

/** A value deep inside: `at(event, 'response', 'usage')`. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (inner, step) => (Array.isArray(inner) ? inner.at(Number(step)) : asObject(inner)?.[step]),
    value,
  )
}

/** Waits until a condition holds; rejects after half a minute. */
export async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`still not so: ${holds.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
