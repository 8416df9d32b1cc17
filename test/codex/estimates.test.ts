import { equal, ok } from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import { startGateway } from '../../src/app.ts'
import { cardWith, creditsOf, rateOf } from '../../src/core/price.ts'
import type { CallRow, Log } from '../../src/ports.ts'
import type { TrueCall } from '../../src/simulator/simulator.ts'
import { codexHome } from '../support/codex.ts'
import { startCodexStand } from '../support/codex-stand.ts'
import { MODELS } from '../support/codex-version.ts'
import { randomFrom } from '../support/random.ts'
import { startGround, until, type Ground } from '../support/stand.ts'
import { startTap, type TappedRequest } from '../support/tap.ts'
import { ask, stream } from '../support/wire.ts'

const CUTS = 20
/** A gateway has seen calls end before one is cut. */
const WHOLE_BEFORE = 12
/** Made anew. */
const OWN = new Set(['host', 'content-length', 'connection', 'authorization'])

/** What models say: prose, code, the JSON of a tool's arguments, and other scripts. */
const SAYINGS: readonly string[] = [
  'The relay keeps one chunk at a time, so a slow client slows its upstream; I would rather not buffer more than that.',
  'export function headroom(windows: readonly QuotaWindow[], spent: readonly bigint[]): bigint {\n  for (const [i, window] of windows.entries()) {\n    if (window.limit <= (spent[i] ?? 0n)) return 0n\n  }\n}\n',
  '{"command": ["bash", "-lc", "rg -n \'usage\' src --glob \'*.ts\' | head -40"], "workdir": "/home/me/work", "timeout_ms": 120000}',
  'Шлюз считает каждый вызов один раз, даже если процесс был убит посреди ответа; остальное видно в журнале.',
  'ゲートウェイは 各呼び出しを 一度だけ 記録し、途中で 切れた 応答は 見積もりとして 請求します。',
]

const SILENT: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

/** Answers of 20 to 400 words, each of one kind. */
function textsOf(sayings: readonly string[], random: () => number): readonly string[] {
  return Array.from({ length: 100 }, () => {
    const words = (sayings[Math.floor(random() * sayings.length)] ?? '').split(/(?<=\s)/)
    const from = Math.floor(random() * words.length)
    const length = 20 + Math.floor(random() * 380)
    return Array.from({ length }, (_, at) => words[(from + at) % words.length]).join('')
  })
}

function costOf(call: TrueCall): number {
  const card = cardWith()
  const rate = rateOf(call.model ?? '', call.startedAt, card)
  return rate ? Number(creditsOf(call, rate, { tenths: 10n, known: true })) : NaN
}

/** What Codex asks in two conversations, in which each turn runs a command and then answers. */
async function recorded(ground: Ground, model: string): Promise<readonly TappedRequest[]> {
  await using gateway = await startGateway(ground.config, SILENT)
  await using tap = await startTap(gateway.url)
  using codex = await codexHome({ url: tap.url, key: ground.key, model })
  for (const args of [['What do you see?'], ['resume', '--last', 'Once more, please.'], ['Another question.']]) {
    const result = await codex.exec(args)
    equal(result.code, 0, result.stderr)
  }
  return tap.requests()
}

/** A member who asks what Codex asked. */
class Asker {
  readonly #ground: Ground
  readonly #url: string
  readonly #key: string

  constructor(ground: Ground, url: string, key: string) {
    this.#ground = ground
    this.#url = url
    this.#key = key
  }

  /** Upstream has never heard of anything. */
  forgotten(): void {
    this.#ground.simulator.clear()
  }

  async whole(request: TappedRequest): Promise<void> {
    const answer = await ask(this.#url, this.#asked(request))
    ok(answer.whole && answer.text.includes('response.completed'), `${answer.status} ${answer.text.slice(-500)}`)
  }

  /** Leaves after so many of the answer's events; undefined where it had no more. */
  async cut(request: TappedRequest, events: number): Promise<TrueCall | undefined> {
    const { simulator } = this.#ground
    const before = simulator.truth().length
    // However long its leaving takes, nothing more is made in the meantime.
    simulator.script({ stall: { afterEvents: events } })
    const reply = await stream(this.#url, this.#asked(request))
    equal(reply.status, 200)
    try {
      await reply.events(events)
    } catch {
      // The answer was shorter: it is whole, and one more to learn from.
      return undefined
    }
    reply.kill()
    return until(() =>
      simulator
        .truth()
        .slice(before)
        .find(({ endedAt }) => endedAt !== undefined),
    )
  }

  #asked({ method, path, rawHeaders, body }: TappedRequest) {
    const headers = rawHeaders.filter((_, i) => !OWN.has(rawHeaders[i - (i % 2)]?.toLowerCase() ?? ''))
    return { method, path, headers: [...headers, 'authorization', `Bearer ${this.#key}`], body: body.toString() }
  }
}

/** In what way the recorded requests are asked again and cut, by one of so many askers after the other. */
interface Round {
  readonly askers: number
  ask(asker: Asker, requests: readonly TappedRequest[], cut: Cut): Promise<void>
}
type Cut = (asker: Asker, request: TappedRequest) => Promise<void>

/** Each body was asked, and answered, before. */
const AGAIN: Round = {
  askers: 1,
  async ask(asker, requests, cut) {
    for (const request of requests) await cut(asker, request)
  },
}

/** Each body goes on from ones before that were cut too, half of them tried again with success; none was asked before. */
const onward = (random: () => number): Round => ({
  // More than there will be rounds.
  askers: 20,
  async ask(asker, requests, cut) {
    asker.forgotten()
    for (const request of requests) {
      await cut(asker, request)
      if (random() < 0.5) await asker.whole(request)
    }
  },
})

/** Of calls that are cut at random events: the median share by which their charge is off. */
async function medianError(
  model: string,
  sayings: readonly string[],
  { random, round }: { readonly random: () => number; readonly round: Round },
): Promise<number> {
  const simulator = { texts: textsOf(sayings, random), agent: 'write-note' } as const
  await using ground = await startGround({ simulator })
  const requests = await recorded(ground, model)
  equal(requests.length, 6)
  await answered(ground, requests, WHOLE_BEFORE)
  const keys = [ground.key]
  while (keys.length < round.askers) keys.push(await ground.addMember({ name: `member-${keys.length}` }))
  // What it knows it has from the ledger.
  await using gateway = await startGateway(ground.config, SILENT)
  const truths: TrueCall[] = []
  const cut: Cut = async (asker, request) => {
    const truth = await asker.cut(request, 8 + Math.floor(random() * 300))
    if (truth) truths.push(truth)
  }
  for (let i = 0; truths.length < CUTS; i++) {
    await round.ask(new Asker(ground, gateway.url, keys.at(-1 - (i % keys.length)) ?? ''), requests, cut)
  }
  const errors = errorsOf(truths, await ground.settled())
  ok(errors.length > CUTS / 2)
  return errors.toSorted((a, b) => a - b)[errors.length >> 1] ?? 1
}

/** The share by which each charge is off; without those of calls that were cut when all had been said. */
function errorsOf(truths: readonly TrueCall[], rows: readonly CallRow[]): readonly number[] {
  return truths.flatMap((truth) => {
    const row = rows.find(({ responseId }) => responseId === truth.id)
    ok(row)
    if (row.precision === 'exact') return []
    equal(row.precision, 'estimated')
    const cost = costOf(truth)
    return [Math.abs(Number(row.credits) - cost) / cost]
  })
}

/** So many calls run to their end, those that were recorded among them. */
async function answered(ground: Ground, requests: readonly TappedRequest[], count: number): Promise<void> {
  await using gateway = await startGateway(ground.config, SILENT)
  const asker = new Asker(ground, gateway.url, ground.key)
  const again = Array.from({ length: count - requests.length }, (_, i) => requests[i % requests.length])
  for (const request of again) if (request) await asker.whole(request)
}

const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))

suite('a codex turn that is cut short is charged what it has used, within a tenth,', () => {
  for (const model of MODELS) {
    const expectTenth = async (
      context: TestContext,
      sayings: readonly string[],
      rounds: (random: () => number) => Round,
    ) => {
      const random = randomFrom(seed)
      const median = await medianError(model, sayings, { random, round: rounds(random) })
      context.diagnostic(`median error ${(median * 100).toFixed(1)} %`)
      ok(median < 0.1, `median error ${median}`)
    }

    test(`where answers are alike (${model}, SEED=${seed})`, (context) =>
      expectTenth(context, SAYINGS.slice(0, 1), () => AGAIN))

    test(`where answers are of all kinds (${model}, SEED=${seed})`, (context) =>
      expectTenth(context, SAYINGS, () => AGAIN))

    test(`where conversations are new and go on from what was cut (${model}, SEED=${seed})`, (context) =>
      expectTenth(context, SAYINGS, onward))
  }
})

suite('estimates of codex turns over WebSocket, which send only what is new,', () => {
  for (const model of MODELS) {
    // The first calls ever are among them, and sessions that are resumed: those are worst.
    test(`are off by less than a quarter, by the gateway's own account (${model}, SEED=${seed})`, async (context) => {
      const simulator = { texts: textsOf(SAYINGS, randomFrom(seed)), agent: 'write-note' } as const
      await using line = await startCodexStand({ simulator, codex: { model, webSocket: true } })
      const conversation = [['First.'], ['resume', '--last', 'Next.']]
      for (const args of Array.from({ length: 4 }, () => conversation).flat()) {
        const result = await line.codex.exec(args)
        equal(result.code, 0, result.stderr)
      }
      const headers = ['accept', 'application/json']
      const ready = await ask(line.stand.url, { method: 'GET', path: '/readyz', headers })
      const { estimates } = JSON.parse(ready.text) as { estimates: { calls: number; median_error: number } }
      context.diagnostic(`median error ${(estimates.median_error * 100).toFixed(1)} % of ${estimates.calls} calls`)
      ok(estimates.calls >= 15 && estimates.median_error < 0.25, ready.text)
    })
  }
})
