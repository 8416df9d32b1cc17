import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Upstream } from '../../src/ports.ts'
import { startStand, until, type Stand, type StandOptions } from '../support/stand.ts'
import { ask, failureIn, says, stream, turn } from '../support/wire.ts'

async function stand(upstreams: StandOptions['upstreams'] = []): Promise<Stand> {
  return await startStand({
    upstreams,
    simulator: { text: 'Hello.', reasoningTokens: 10, tokens: 'bytes' },
    toml: '[limits]\ncodex_queue_secs = 2\n',
  })
}

interface Thread {
  readonly thread: string
  /** What the next call of the thread sends. */
  readonly input: readonly unknown[]
}

let threads = 0

/** Begins threads until that key has answered one. */
async function begunBy(on: Stand, key: string): Promise<Thread> {
  for (let i = 0; i < 50; i++) {
    const thread = `thread ${threads++}`
    const { text } = await ask(on.url, turn(on.key, { thread }))
    const [, ciphertext] = /"encrypted_content":"([^"]+)"/.exec(text) ?? []
    ok(ciphertext)
    const thought = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: ciphertext }
    if (on.simulator.truth().at(-1)?.key === key) return { thread, input: [says('One.'), thought, says('Two.')] }
  }
  throw new Error(`${key} answered nothing`)
}

/** Calls until each of these keys, as the simulator calls them, has answered and is known by its reply headers. */
async function untilLearned(on: Stand, learned: Readonly<Record<string, string>>): Promise<void> {
  await until(async () => {
    await ask(on.url, turn(on.key))
    const upstreams = await on.admin(({ registry }) => registry.upstreams())
    const labels = upstreams.map(({ name, learned: { organization } }) => [name, organization])
    return Object.entries(learned).every(([name, organization]) =>
      labels.some(([one, label]) => one === name && label === organization),
    )
      ? true
      : undefined
  })
}

/** Which key the next call goes to, and that it is answered. */
async function nextGoesTo(on: Stand, next: Thread): Promise<string | undefined> {
  match((await ask(on.url, turn(on.key, next))).text, /response\.completed/)
  return on.simulator.truth().at(-1)?.key
}

const LIMITED = {
  status: 429,
  times: null,
  headers: { 'retry-after': '60' },
  body: { error: { message: 'Rate limit reached.', code: 'rate_limit_exceeded' } },
}

suite('the owner of a thread', { concurrency: 4 }, () => {
  test('is every key under the administrator’s label, whatever upstream calls its organization', async () => {
    const label = { organization: 'acme' }
    for (const [first, second] of [
      ['alpha', 'alpha-other'],
      ['alpha-other', 'alpha'],
    ] as const) {
      await using on = await stand([
        { name: first, ...label, project: 'one' },
        { name: second, ...label, project: 'two' },
        { name: 'beta', organization: 'other' },
      ])
      const begun = await begunBy(on, first)
      on.simulator.script({ ...LIMITED, key: first })
      for (let i = 0; i < 3; i++) equal(await nextGoesTo(on, begun), second)
    }
  })

  test('is no key that has gone over to another organization, before or after its first answer tells so', async () => {
    await using on = await stand([{ name: 'alpha' }, { name: 'alpha-other' }, { name: 'beta' }])
    await untilLearned(on, { alpha: 'org-sim-a', 'alpha-other': 'org-sim-a', beta: 'org-sim-b' })
    const [one, two, three, four] = [
      await begunBy(on, 'alpha'),
      await begunBy(on, 'alpha'),
      await begunBy(on, 'alpha'),
      await begunBy(on, 'alpha'),
    ]
    const changed = await on.admin(({ registry }) => registry.setUpstream('alpha', { secret: 'sk-sim-gamma' }))
    const { organization, project, learned } = changed
    deepEqual([organization, project, learned.organization, learned.project], Array(4).fill(undefined))
    await on.heard()
    equal(await nextGoesTo(on, one), 'alpha-other')
    await untilLearned(on, { alpha: 'org-sim-c' })
    for (const thread of [one, two, three]) equal(await nextGoesTo(on, thread), 'alpha-other')
    await on.admin(({ registry }) => registry.setUpstream('alpha-other', { enabled: false }))
    await on.heard()
    const before = on.simulator.truth().length
    const refused = await ask(on.url, turn(on.key, four))
    equal(on.simulator.truth().length, before)
    match(failureIn(refused.text)?.message ?? '', /begun with an OpenAI organization whose keys the gateway no longer/)
  })

  test('does not go over with a labelled key that has got another organization’s secret', async () => {
    const label = { organization: 'acme' }
    await using on = await stand([
      { name: 'alpha', ...label },
      { name: 'alpha-other', ...label },
    ])
    await untilLearned(on, { alpha: 'org-sim-a', 'alpha-other': 'org-sim-a' })
    const begun = await begunBy(on, 'alpha')
    await on.admin(({ registry }) => registry.setUpstream('alpha', { secret: 'sk-sim-gamma' }))
    await untilLearned(on, { alpha: 'org-sim-c' })
    for (let i = 0; i < 4; i++) equal(await nextGoesTo(on, begun), 'alpha-other')
  })

  test('is found by asking where a call names no thread', async () => {
    await using on = await stand([
      { name: 'alpha', organization: 'org-sim-a' },
      { name: 'beta', organization: 'org-sim-b' },
    ])
    // It prefers the key that was asked least lately.
    for (const owner of ['alpha', 'beta']) {
      const { input } = await begunBy(on, owner)
      const before = on.simulator.truth().length
      for (let i = 0; i < 2; i++) match((await ask(on.url, turn(on.key, { input }))).text, /response\.completed/)
      const calls = on.simulator.truth().slice(before)
      // Whoever read it is remembered.
      deepEqual([calls.at(-2)?.key, calls.at(-1)?.key], [owner, owner])
      ok(calls.length <= 3, JSON.stringify(calls))
    }
  })

  test('is not who could not read it, when the client leaves while it waits for another', async () => {
    await using on = await stand([
      { name: 'alpha', organization: 'org-sim-a', models: ['gpt-5.5'] },
      { name: 'beta', organization: 'org-sim-b', maxConcurrent: 1 },
    ])
    const key = await on.addMember({ name: 'bob' })
    await until(async () => ((await ask(on.url, turn(key))).status === 200 ? true : undefined))
    const { input } = await begunBy(on, 'beta')
    on.simulator.script({ key: 'beta', stall: { afterEvents: 3 } })
    const busy = await stream(on.url, turn(on.key, { model: 'gpt-5.4' }))
    await busy.events(3)
    const before = on.simulator.requests().length
    const leaves = new AbortController()
    const first = ask(on.url, turn(key, { thread: 'brought along', input, signal: leaves.signal }))
    await until(() => (on.simulator.requests().length > before ? true : undefined))
    await sleep(200)
    leaves.abort()
    await rejects(first)
    await until(async () => ((await on.calls())[0]?.ending === 'client-left' ? true : undefined))
    busy.kill()
    await on.settled()
    equal(await nextGoesTo({ ...on, key }, { thread: 'brought along', input }), 'beta')
  })

  test('is nobody else where it is known', async () => {
    await using on = await stand([
      { name: 'alpha', organization: 'org-sim-a' },
      { name: 'beta', organization: 'org-sim-b' },
    ])
    const begun = await begunBy(on, 'alpha')
    const foreign = { message: 'It could not be verified.', code: 'invalid_encrypted_content' }
    on.simulator.script({ status: 400, body: { error: foreign } })
    const before = on.simulator.truth().length
    equal((await ask(on.url, turn(on.key, begun))).status, 400)
    equal(on.simulator.truth().length, before + 1)
  })

  test('learns nothing anew from a change that leaves the secret and the address as they are', async () => {
    await using on = await stand([{ name: 'alpha' }])
    await untilLearned(on, { alpha: 'org-sim-a' })
    const after = async (change: object): Promise<Upstream['learned']> =>
      (await on.admin(({ registry }) => registry.setUpstream('alpha', change))).learned
    const before = { organization: 'org-sim-a', project: 'proj_sim_a1' }
    deepEqual(await after({ weight: 2 }), before)
    deepEqual(await after({ baseUrl: on.simulator.url }), { organization: undefined, project: undefined })
  })
})
