import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Fault } from '../../src/simulator/simulator.ts'
import { startStand, type Stand } from '../support/stand.ts'
import { ask, type Answered } from '../support/wire.ts'

const PATH = '/v1/models'

/** A member who may use two models, if not all, and two keys, so that a second try has somewhere to go. */
async function stand(models?: readonly string[]): Promise<Stand> {
  return await startStand({
    simulator: { tokens: 'bytes' },
    upstreams: [{ name: 'alpha' }, { name: 'beta' }],
    member: { models },
  })
}

async function list(on: Stand): Promise<Answered> {
  return await ask(on.url, { method: 'GET', path: PATH, headers: ['authorization', `Bearer ${on.key}`] })
}

function ids(answered: Answered): readonly string[] {
  return (JSON.parse(answered.text) as { data: { id: string }[] }).data.map(({ id }) => id)
}

/** The keys that were asked since `before`, in order. */
function askedSince(on: Stand, before: number): readonly string[] {
  const headers = on.simulator.requests().map(({ rawHeaders }) => rawHeaders)
  return headers.slice(before).map((raw) => raw[raw.indexOf('authorization') + 1]?.replace('Bearer sk-sim-', '') ?? '')
}

/** Ways in which a key gives no list to anybody. */
const NO_LIST: readonly Fault[] = [
  { reset: 'before-head' },
  { reset: { afterBytes: 100 } },
  { status: 500, body: 'no' },
  { status: 200, body: ' '.repeat(5_000_000) },
]

suite('the list of models', { concurrency: 4 }, () => {
  test('that breaks off or has no end is asked for at another key', async () => {
    await using on = await stand()
    for (const fault of NO_LIST) {
      const before = on.simulator.requests().length
      on.simulator.script({ path: PATH, key: 'alpha', ...fault })
      const answered = await list(on)
      deepEqual([answered.status, answered.whole], [200, true], JSON.stringify(fault).slice(0, 100))
      ok(ids(answered).length > 10)
      deepEqual(askedSince(on, before), ['alpha', 'beta'])
    }
  })

  test('comes from a key that may give it, however many may not', async () => {
    const names = ['alpha', 'alpha-twin', 'alpha-other', 'beta']
    await using on = await startStand({
      simulator: { tokens: 'bytes' },
      upstreams: names.map((name) => ({ name })),
    })
    const missing = { error: { message: 'Missing scopes: api.model.read', type: 'invalid_request_error', code: null } }
    const answers = { alpha: 403, 'alpha-twin': 401, 'alpha-other': 403 }
    for (const [key, status] of Object.entries(answers)) on.simulator.script({ path: PATH, key, status, body: missing })
    const answered = await list(on)
    equal(answered.status, 200, answered.text)
    deepEqual(askedSince(on, 0), names)
  })

  test('comes where no call may wait for a place', async () => {
    await using on = await startStand({ simulator: { tokens: 'bytes' }, toml: '[limits]\nqueue_secs = 0\n' })
    const answered = await list(on)
    equal(answered.status, 200, answered.text)
  })

  test('is asked for without the conditions of its client, who may not know the list of this key', async () => {
    await using on = await stand()
    const headers = [
      'authorization',
      `Bearer ${on.key}`,
      'if-none-match',
      '"x"',
      'If-Modified-Since',
      'now',
      'x-a',
      '1',
    ]
    equal((await ask(on.url, { method: 'GET', path: PATH, headers })).status, 200)
    const names = on.simulator.requests()[0]?.rawHeaders.map((name) => name.toLowerCase()) ?? []
    deepEqual(
      [names.includes('if-none-match'), names.includes('if-modified-since'), names.includes('x-a')],
      [false, false, true],
    )
  })

  test('that is no JSON is asked for at another key, if the member may see only its part', async () => {
    await using on = await stand(['gpt-5.5'])
    for (const body of ['<html>Sign in to the network</html>', '{"data":[', 'null', '{"data":[null]}']) {
      on.simulator.script({ path: PATH, key: 'alpha', status: 200, body })
      const answered = await list(on)
      equal(answered.status, 200, `${body}: ${answered.text}`)
      deepEqual(ids(answered), ['gpt-5.5'])
    }
    deepEqual(askedSince(on, 0).slice(0, 2), ['alpha', 'beta'])
  })

  test('is a 502 in OpenAI’s shape when no key gives one', async () => {
    for (const [models, faults] of [
      [undefined, NO_LIST],
      [['gpt-5.5'], [...NO_LIST, { status: 200, body: 'no list' }]],
    ] as const) {
      await using on = await stand(models)
      for (const fault of faults) {
        on.simulator.script({ path: PATH, times: 2, ...fault })
        const answered = await list(on)
        equal(answered.status, 502, JSON.stringify(fault).slice(0, 100))
        match(answered.header('content-type') ?? '', /^application\/json/)
        const { error } = JSON.parse(answered.text) as { error: Record<string, unknown> }
        deepEqual({ ...error, message: '' }, { message: '', type: 'server_error', code: 'upstream_error', param: null })
        match(String(error['message']), /^OpenAI gave the gateway no list of models\./)
      }
      deepEqual(await on.calls(), [])
    }
  })

  test('is whole for a member who may use all, else only its models, in either form and of the right length', async () => {
    const body = {
      object: 'list',
      data: [{ id: 'gpt-5.5', owned_by: 'Größe' }, { id: 'gpt-5.5-2026-04-23' }, { id: 'gpt-6-sol' }],
      models: [{ slug: 'gpt-6-sol' }, { slug: 'gpt-5.5', display_name: '日本 🙂' }],
    }
    const shown = { ...body, data: body.data.slice(0, 2), models: body.models.slice(1) }
    const spaced = JSON.stringify(body, null, 2)
    for (const [models, expected] of [
      [undefined, spaced],
      [['gpt-5.5'], JSON.stringify(shown)],
      [['gpt-none'], JSON.stringify({ ...body, data: [], models: [] })],
    ] as const) {
      await using on = await stand(models)
      on.simulator.script({ path: PATH, status: 200, body: spaced })
      const answered = await list(on)
      equal(answered.text, expected)
      ok(answered.whole)
      equal(answered.header('content-length'), String(answered.body.length))
    }
  })
})
