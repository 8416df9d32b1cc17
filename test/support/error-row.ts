/** A row of the table of upstream's errors, and its proof on a whole gateway. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import type { Fault } from '../../src/simulator/simulator.ts'
import { attemptsOfLast } from './ledger-file.ts'
import { startStand, type Stand } from './stand.ts'
import { ask, failureIn, turn, type Answered } from './wire.ts'

export type KeyName = 'alpha' | 'alpha-twin' | 'alpha-other' | 'beta'

/** As the simulator has them: the twin shares alpha's project, the other one its organization, beta shares nothing. */
const LABELS: Readonly<Record<KeyName, { organization: string; project: string }>> = {
  alpha: { organization: 'org-sim-a', project: 'proj_sim_a1' },
  'alpha-twin': { organization: 'org-sim-a', project: 'proj_sim_a1' },
  'alpha-other': { organization: 'org-sim-a', project: 'proj_sim_a2' },
  beta: { organization: 'org-sim-b', project: 'proj_sim_b1' },
}

export interface ErrorRow {
  readonly name: string
  readonly keys: readonly KeyName[]
  readonly faults: readonly Fault[]
  readonly shape?: Parameters<typeof turn>[1]
  /** How long a call may wait in all; long where one is waited for, for on a slow machine the ledger takes its part of it. */
  readonly queueSecs?: number
  /** Each try, in order: its key and its error class; undefined for a good answer. */
  readonly tries: readonly (readonly [KeyName, string | undefined])[]
  /** `answer` is a model's answer; a fault is that fault's status and body untouched; else what the answer must be. */
  readonly sees: 'answer' | Fault | ((answered: Answered) => void)
  /** The keys that further calls go to. */
  readonly afterwards: readonly KeyName[]
  /** How many calls it takes until they are all that is left. */
  readonly confirmations?: number
  /** What a further call sees when there is no key for it. */
  readonly seesThen?: (answered: Answered) => void
}

async function stand({ keys, tries, sees, queueSecs = sees === 'answer' ? 20 : 1.5 }: ErrorRow): Promise<Stand> {
  // Short only where that is what the row is about.
  const timeoutSecs = tries.some(([, errorClass]) => errorClass === 'timeout') ? 2 : 20
  return await startStand({
    toml: `[upstream]\ntimeout_secs = ${timeoutSecs}\n[limits]\ncodex_queue_secs = ${queueSecs}\nqueue_secs = ${queueSecs}\n`,
    upstreams: keys.map((name) => ({ name, ...LABELS[name] })),
    simulator: { text: 'Hello.', reasoningTokens: 0, tokens: 'bytes' },
  })
}

/** One call that meets the faults, and what becomes of it and of the keys. */
export async function proves(row: ErrorRow): Promise<void> {
  await using on = await stand(row)
  for (const fault of row.faults) on.simulator.script(fault)
  const answered = await ask(on.url, turn(on.key, row.shape))
  const [call] = await on.settled()
  deepEqual(await attemptsOfLast(on.folder), row.tries)
  expectSeen(answered, row.sees)
  equal(call?.attempts, row.tries.length)
  if (row.sees !== 'answer') equal(call?.credits, 0n)
  const goodKey = row.tries.find(([, errorClass]) => errorClass === undefined)?.[0]
  if (goodKey !== undefined) equal(call?.upstream, goodKey)
  deepEqual(
    on.simulator.truth().map(({ key }) => key),
    row.tries.map(([key]) => key),
  )
  await expectAfterwards(on, row)
}

function expectSeen(answered: Answered, sees: ErrorRow['sees']): void {
  ok(answered.whole)
  if (typeof sees === 'function') return sees(answered)
  if (sees === 'answer') {
    equal(answered.status, 200)
    return match(answered.text, /response\.completed/)
  }
  equal(answered.status, sees.status)
  equal(answered.text, typeof sees.body === 'string' ? sees.body : JSON.stringify(sees.body))
  for (const [name, value] of Object.entries(sees.headers ?? {})) equal(answered.header(name), value)
}

/** Two calls for each key at once, without a thread: they spread over all that can be had. */
async function expectAfterwards(on: Stand, row: ErrorRow): Promise<void> {
  for (let i = 0; i < (row.confirmations ?? 0); i++) await ask(on.url, turn(on.key, row.shape))
  const before = on.simulator.truth().length
  const some = row.keys.flatMap(() => [ask(on.url, turn(on.key, row.shape)), ask(on.url, turn(on.key, row.shape))])
  for (const answered of await Promise.all(some)) row.seesThen?.(answered)
  const used = new Set(
    on.simulator
      .truth()
      .slice(before)
      .map(({ key }) => key),
  )
  deepEqual(
    row.keys.filter((key) => used.has(key)),
    [...row.afterwards],
  )
}

/** An error as OpenAI words it. */
export function error(
  status: number,
  code: string | null,
  message = 'scripted',
  headers: Fault['headers'] = {},
): Fault {
  return { status, body: { error: { message, type: 'invalid_request_error', code, param: null } }, headers }
}

/** Meets every call. */
export const always = (fault: Fault): Fault => ({ ...fault, times: null })

/** A pooled key's own trouble: our sentence, never upstream's, and no false hope. */
export function gatewayError({ status, text, header }: Answered): void {
  equal(status, 200)
  const failure = failureIn(text)
  equal(failure?.code, 'invalid_prompt')
  match(failure.message, /gateway admin/)
  ok(!/try again in/i.test(failure.message), failure.message)
  ok(!/sk-sim|quota|billing|region/i.test(text), text)
  equal(header('retry-after'), undefined)
}

/** Codex is told to wait, for 10 to 60 s. */
export function triesAgainLater({ status, text, header }: Answered): void {
  equal(status, 200)
  const failure = failureIn(text)
  equal(failure?.code, 'rate_limit_exceeded')
  const seconds = Number(/try again in (\d+) s\./.exec(failure.message)?.[1])
  ok(seconds >= 10 && seconds <= 60, failure.message)
  equal(header('retry-after'), String(seconds))
}
