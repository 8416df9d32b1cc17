import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { Agent, createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { suite, test } from 'node:test'
import { startGateway } from '../../src/app.ts'
import type { LogFields } from '../../src/ports.ts'
import { Folder } from '../support/cli-folder.ts'
import { samples } from '../support/scrape.ts'
import { serve, type Served } from '../support/serve.ts'
import { create, refusedTalk, talk } from '../support/socket-client.ts'
import { startGround, startStand, until, type StandOptions } from '../support/stand.ts'
import { ask, stream, turn, type Answered } from '../support/wire.ts'

const SIMULATOR = { tokens: 'bytes', text: 'Hello.', reasoningTokens: 0 } as const
const ON = '[metrics]\nbind_addr = "127.0.0.1:0"\n'

/** A gateway with metrics in a process of its own, as an administrator runs it. */
async function watched(options: StandOptions = {}) {
  await using parts = new AsyncDisposableStack()
  const ground = parts.use(await startGround({ simulator: SIMULATOR, ...options, toml: `${ON}${options.toml ?? ''}` }))
  const gateway = parts.use(await serve(ground.configFile))
  const at = await until(() => metricsOf(gateway))
  const scrape = async (): Promise<string> => (await ask(at, { method: 'GET', path: '/metrics' })).text
  const of = async (metric: string) => samples(await scrape(), `codex_gateway_${metric}`)
  /** Waits until so many calls have been counted: the ledger knows of each a moment earlier. */
  const counted = (calls: number): Promise<true> =>
    until(async () => {
      const sum = Object.values(await of('calls_total')).reduce((all, one) => all + one, 0)
      return sum === calls ? true : undefined
    })
  const all = parts.move()
  return {
    ...ground,
    gateway,
    url: gateway.url,
    at,
    scrape,
    of,
    counted,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

function metricsOf(gateway: Served): string | undefined {
  return /info metrics url=(http:\S+)\/metrics\n/.exec(gateway.stderr())?.[1]
}

/** What one call of this shape costs. */
async function price(): Promise<bigint> {
  await using on = await startStand({ simulator: SIMULATOR })
  await ask(on.url, turn(on.key))
  const [row] = await on.settled()
  ok(row && row.credits > 0n)
  return row.credits
}

const warning = (window: string, threshold: number): string =>
  `member="alice",window="${window}",threshold="${threshold}"`

suite('metrics', { concurrency: 2 }, () => {
  test('count a warning once for each threshold and window, beside what is used', async () => {
    const cost = await price()
    await using on = await watched({ member: { fiveHourQuota: cost * 10n, weeklyQuota: cost * 20n } })
    const reached: string[][] = []
    const used: (number | undefined)[] = []
    for (let i = 0; i < 11; i++) {
      await ask(on.url, turn(on.key))
      await on.counted(Math.min(i + 1, 10))
      const counted = Object.entries(await on.of('quota_warnings_total'))
      // In each of both windows each threshold is there from the first call on, so that to be reached is to rise.
      equal(counted.length, 6)
      reached.push(counted.flatMap(([labels, count]) => Array.from({ length: count }, () => labels)))
      used.push((await on.of('quota_used_ratio'))['member="alice",window="5h"'])
    }
    // The same call costs the same, so that the fifth reaches 50 % of the 5-hour window; the eleventh is refused.
    deepEqual(
      reached.map((labels) => labels.length),
      [0, 0, 0, 0, 1, 1, 1, 2, 2, 4, 4],
    )
    deepEqual(
      new Set(reached.at(-1)),
      new Set([warning('5h', 50), warning('5h', 80), warning('5h', 95), warning('weekly', 50)]),
    )
    deepEqual(used, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1])
    equal((await on.of('quota_used_ratio'))['member="alice",window="weekly"'], 0.5)
    equal(on.gateway.stderr().match(/quota warning/g)?.length, 4, 'as many as lines in the log')
    // A new window begins anew.
    await on.admin(({ quotas }) => quotas.reset({ member: 'alice', window: '5h', who: 'root', why: undefined }))
    for (let i = 0; i < 5; i++) await ask(on.url, turn(on.key))
    await on.counted(15)
    equal((await on.of('quota_warnings_total'))[warning('5h', 50)], 2)
  })

  test('agree with the ledger on calls and credits, over HTTP and WebSocket', async () => {
    await using on = await watched()
    const bob = await on.addMember({ name: 'bob' })
    await until(async () => ((await ask(on.url, turn(bob))).status === 200 ? true : undefined))
    for (let i = 0; i < 3; i++) await ask(on.url, turn(on.key))
    using conversation = await talk(on.url, on.key)
    conversation.say(create())
    await conversation.event('response.completed')
    await on.counted(5)
    const rows = (await on.settled()).filter(({ ending }) => ending !== 'refused')
    const credits: Record<string, number> = {}
    const calls: Record<string, number> = {}
    for (const member of ['alice', 'bob']) {
      const sum = rows.filter((row) => row.member === member).reduce((all, row) => all + row.credits, 0n)
      credits[`member="${member}"`] = Number(sum) / 1e9
    }
    for (const { kind, ending, precision } of rows) {
      const labels = `kind="${kind}",ending="${ending}",precision="${precision}"`
      calls[labels] = (calls[labels] ?? 0) + 1
    }
    equal(rows.length, 5)
    deepEqual(await on.of('calls_total'), calls)
    deepEqual(await on.of('credits_total'), credits)
    match(await on.scrape(), /^process_cpu_seconds_total \d/m)
  })

  test('count refusals of strangers and members alike, over HTTP and WebSocket', async () => {
    await using on = await watched({ member: { fiveHourQuota: 1n } })
    await ask(on.url, turn(on.key))
    await on.counted(1)
    equal((await ask(on.url, turn(on.key))).status, 429)
    equal((await refusedTalk(on.url, on.key)).status, 429)
    equal((await ask(on.url, turn('sk-codex-gw-nobody'))).status, 401)
    equal((await ask(on.url, { method: 'GET', path: '/nowhere' })).status, 404)
    const told = Object.entries(await on.of('refusals_total')).filter(([, count]) => count > 0)
    deepEqual(Object.fromEntries(told), {
      'refusal="member_5h_quota_exceeded"': 2,
      'refusal="unauthorized"': 1,
      'refusal="not_found"': 1,
    })
  })

  test('are read with GET and HEAD at one path, and never where members are', async () => {
    await using on = await watched()
    const at = (method: string, path: string, body?: string): Promise<Answered> =>
      ask(on.at, { method, path, ...(body !== undefined && { body }) })
    const [got, headed] = [await at('GET', '/metrics?x=1'), await at('HEAD', '/metrics')]
    deepEqual([got.status, headed.status, headed.text], [200, 200, ''])
    match(got.header('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
    equal(Number(got.header('content-length')), got.body.length)
    for (const path of ['/', '/metrics/', '/Metrics', '/healthz', '/v1/responses', '//metrics']) {
      equal((await at('GET', path)).status, 404, path)
    }
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const refused = await at(method, '/metrics', 'x'.repeat(1000))
      deepEqual([refused.status, refused.header('allow')], [405, 'GET, HEAD'], method)
    }
    equal((await at('POST', '/v1/responses', '{}')).status, 404)
    for (const headers of [[], ['authorization', `Bearer ${on.key}`]]) {
      const atData = await ask(on.url, { method: 'GET', path: '/metrics', headers })
      equal(atData.status, 404)
      ok(!atData.text.includes('codex_gateway_'))
    }
  })

  test('can be read until the last call is counted, and are closed then', async () => {
    // It would take many minutes.
    const endless = { text: 'word '.repeat(40), deltas: 20_000, eventDelayMs: 60, tokens: 'bytes' } as const
    await using on = await watched({ simulator: endless })
    const running = await stream(on.url, turn(on.key))
    await running.events(3)
    // A scraper keeps its connection.
    const agent = new Agent({ keepAlive: true })
    const kept = async (): Promise<string> => {
      const { hostname, port } = new URL(on.at)
      return await new Promise((resolve, reject) => {
        const request = get({ hostname, port, path: '/metrics', agent }, (reply) => {
          void buffer(reply).then((body) => resolve(body.toString()), reject)
        })
        request.once('error', reject)
      })
    }
    await kept()
    on.gateway.signal('SIGTERM')
    await until(() =>
      ask(on.url, { method: 'GET', path: '/healthz' }).then(
        () => undefined,
        (cause: { code?: string }) => cause.code === 'ECONNREFUSED' || undefined,
      ),
    )
    match(await kept(), /^process_cpu_seconds_total/m)
    // The last client leaves.
    running.kill()
    equal(await on.gateway.ended, 0)
    agent.destroy()
    await rejects(on.scrape(), { code: 'ECONNREFUSED' })
  })

  test('are not there unless they are asked for', async () => {
    await using ground = await startGround({ simulator: SIMULATOR })
    await using gateway = await serve(ground.configFile)
    equal((await ask(gateway.url, turn(ground.key))).status, 200)
    ok(!gateway.stderr().includes('metrics'))
  })

  test('keep the gateway from starting where something else listens, with a word and exit code 1', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    try {
      await using folder = new Folder()
      await folder.ok('admin init')
      folder.env['CODEX_GATEWAY_SERVER_BIND_ADDR'] = '127.0.0.1:0'
      folder.env['CODEX_GATEWAY_METRICS_BIND_ADDR'] = `127.0.0.1:${port}`
      const { code, out, err } = await folder.run('serve')
      deepEqual([code, out], [1, ''])
      equal(
        err.split('\n').at(-2),
        `error: cannot listen on 127.0.0.1:${port} ([metrics] bind_addr): something else listens there`,
      )
    } finally {
      other.close()
    }
  })

  test('let go of their port when the gateway itself cannot listen', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    try {
      await using ground = await startGround({ toml: ON })
      let at = ''
      const info = (_event: string, { url }: LogFields = {}): void => void (at = String(url))
      const log = { debug() {}, info, warn() {}, error() {} }
      const config = { ...ground.config, server: { ...ground.config.server, port } }
      await rejects(startGateway(config, log), /\(\[server\] bind_addr\): something else listens there/)
      match(at, /^http:/)
      await rejects(ask(at, { method: 'GET', path: '/metrics' }), { code: 'ECONNREFUSED' })
    } finally {
      other.close()
    }
  })
})
