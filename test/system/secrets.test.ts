import { equal, ok } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { serve } from '../support/serve.ts'
import { startGround, until, type Ground } from '../support/stand.ts'
import { ask, turn } from '../support/wire.ts'

const UPSTREAM = ['sk-sim-alpha', 'sk-sim-beta'] as const
const ADMIN = 'sk-admin-simulated'

/** Answers that hold a key, as OpenAI's do, and whatever else makes the gateway speak. */
async function everythingThatSpeaks(on: Ground, url: string): Promise<string> {
  const [alpha, beta] = UPSTREAM
  const echo = (secret: string) => ({
    error: { message: `Incorrect API key provided: ${secret}.`, code: 'invalid_api_key' },
  })
  const faults = [
    {},
    { status: 401, body: echo(alpha), key: 'alpha', times: 3 },
    { status: 401, body: echo(beta), key: 'beta', times: 3 },
    { status: 429, body: { error: { message: `No money for ${beta}`, code: 'insufficient_quota' } }, times: 2 },
    { status: 500, body: 'broken', times: 2 },
    { reset: 'before-head', times: 2 },
    { reset: { afterEvents: 3 } },
  ] as const
  let said = ''
  for (const fault of faults) {
    on.simulator.clear()
    on.simulator.script(fault)
    for (const stream of [true, false]) {
      const answered = await ask(url, turn(on.key, { stream, thread: 'thread' }))
      said += `${answered.rawHeaders.join('\n')}\n${answered.text}\n`
    }
    // What is disabled comes back with the next change.
    for (const name of ['alpha', 'beta'])
      await on.admin(({ registry }) => registry.setUpstream(name, { enabled: true }))
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
  for (const path of ['/readyz', '/healthz', '/v1/models', '/v1/nothing']) {
    const answered = await ask(url, { method: 'GET', path, headers: ['authorization', `Bearer ${on.key}`] })
    said += `${answered.rawHeaders.join('\n')}\n${answered.text}\n`
  }
  const mistyped = `${on.key.slice(0, -1)}${on.key.endsWith('0') ? '1' : '0'}`
  for (const key of [mistyped, UPSTREAM[0]]) said += (await ask(url, turn(key))).text
  return said
}

suite('secrets', () => {
  test('are in no answer, no log, no report and no file, whatever happens', async () => {
    const toml = '[log]\nlevel = "debug"\n[limits]\nqueue_secs = 0.2\ncodex_queue_secs = 0.2\n'
    await using on = await startGround({ toml, upstreams: [{ name: 'alpha' }, { name: 'beta' }] })
    await on.admin(({ adminKeys }) => adminKeys.set('main', ADMIN))
    await using gateway = await serve(on.configFile)
    const answers = await everythingThatSpeaks(on, gateway.url)
    const rows = await on.settled()
    const lists = await on.admin(async ({ registry, adminKeys }) => [
      await adminKeys.list(),
      await registry.upstreams(),
      await registry.gatewayKeys(),
      await registry.members(),
    ])
    gateway.signal('SIGTERM')
    await gateway.ended
    ok(gateway.stderr().includes('upstream key disabled'), 'the log speaks')
    ok(answers.includes('OpenAI does not accept them'), 'the answers speak')
    const text = (value: unknown): string =>
      JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? String(v) : v))
    const files = readdirSync(on.folder).map((name) => readFileSync(join(on.folder, name)).toString('latin1'))
    const places = { answers, log: gateway.stderr(), reports: text(rows), lists: text(lists), files: files.join('\n') }
    for (const [place, said] of Object.entries(places)) {
      for (const secret of [on.key, ADMIN, ...UPSTREAM]) equal(said.includes(secret), false, `${place} hold a secret`)
    }
  })

  test('go upstream one at a time, and a second try carries the very same bytes', async () => {
    await using on = await startGround({ upstreams: [{ name: 'alpha' }, { name: 'beta' }] })
    await using gateway = await serve(on.configFile)
    on.simulator.script({ status: 500, body: 'broken' })
    const body = ` {"model" : "gpt-5.5","stream":true,"input":"hi","metadata":{"x":"\\u00e9é"}}\n`
    const answered = await ask(gateway.url, {
      ...turn(on.key, { thread: 't', headers: ['X-Odd', 'a', 'x-odd', 'b'] }),
      body,
    })
    ok(answered.text.includes('response.completed'))
    const [first, second] = await until(() =>
      on.simulator.requests().length === 2 ? on.simulator.requests() : undefined,
    )
    ok(first && second)
    equal(first.body.toString('latin1'), Buffer.from(body).toString('latin1'))
    equal(second.body.toString('latin1'), first.body.toString('latin1'))
    const without = (headers: readonly string[]): string =>
      headers.join('\n').replace(/Bearer sk-sim-(?:alpha|beta)/, 'Bearer')
    equal(without(second.rawHeaders), without(first.rawHeaders))
    equal(new Set([first, second].map(({ rawHeaders }) => /Bearer \S+/.exec(rawHeaders.join('\n'))?.[0])).size, 2)
  })
})
