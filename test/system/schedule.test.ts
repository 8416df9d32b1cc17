import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { startGateway } from '../../src/app.ts'
import type { Log } from '../../src/ports.ts'
import { startGround, startStand, until, type Ground, type Stand } from '../support/stand.ts'
import { ask, eventsIn, failureIn, says, stream, turn } from '../support/wire.ts'

const SIMULATOR = { tokens: 'bytes' } as const
const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} }

function keysUsed({ simulator }: Ground): readonly (string | undefined)[] {
  return simulator.truth().map(({ key }) => key)
}

/** The items of a finished answer, as Codex sends them back with the next turn. */
function itemsIn(text: string): readonly unknown[] {
  return eventsIn(text)
    .filter(({ type }) => type === 'response.output_item.done')
    .map(({ item }) => item)
}

async function change(on: Stand, name: string, to: { enabled?: boolean; http?: boolean }): Promise<void> {
  await on.admin(({ registry }) => registry.setUpstream(name, to))
}

suite('the choice of an upstream key', { concurrency: 4 }, () => {
  test('keeps a thread on its key, and shares threads out by weight', async () => {
    await using on = await startStand({
      simulator: SIMULATOR,
      upstreams: [{ name: 'alpha', weight: 3 }, { name: 'beta' }],
    })
    for (let thread = 0; thread < 16; thread++) {
      for (let i = 0; i < 3; i++) await ask(on.url, turn(on.key, { thread: `thread-${thread}` }))
    }
    const used = keysUsed(on)
    for (let i = 0; i < used.length; i += 3) equal(new Set(used.slice(i, i + 3)).size, 1)
    equal(used.filter((key) => key === 'alpha').length, 36)
  })

  test('goes by load', async () => {
    await using on = await startStand({
      simulator: SIMULATOR,
      member: { maxConcurrent: 0 },
      upstreams: [{ name: 'alpha' }, { name: 'beta' }],
    })
    on.simulator.script({ stall: { afterEvents: 2 }, times: 6 })
    const running = await Promise.all([1, 2, 3, 4, 5, 6].map(() => stream(on.url, turn(on.key))))
    equal(keysUsed(on).length, 6)
    equal(keysUsed(on).filter((key) => key === 'alpha').length, 3)
    for (const one of running) one.kill()
  })

  test('respects what a key serves', async () => {
    await using on = await startStand({
      simulator: SIMULATOR,
      upstreams: [{ name: 'alpha', models: ['gpt-6-sol'] }, { name: 'beta', http: false }, { name: 'gamma' }],
    })
    for (let i = 0; i < 4; i++) ok((await ask(on.url, turn(on.key))).whole)
    deepEqual(new Set(keysUsed(on)), new Set(['gamma']))
  })

  test('follows changes from another process', async () => {
    await using on = await startStand({ simulator: SIMULATOR, upstreams: [{ name: 'alpha' }, { name: 'beta' }] })
    await change(on, 'alpha', { enabled: false })
    await until(async () => {
      await ask(on.url, turn(on.key))
      await ask(on.url, turn(on.key))
      return keysUsed(on)
        .slice(-2)
        .every((key) => key === 'beta')
        ? true
        : undefined
    })
    await on.admin(({ registry }) => registry.setMember('alice', { models: ['gpt-6-sol'] }))
    await until(async () => ((await ask(on.url, turn(on.key))).text.includes('not allowed') ? true : undefined))
  })
})

suite('a thread with ciphertext', { concurrency: 4 }, () => {
  test('stays in its organization, which is learned from replies, and is refused rather than sent to another', async () => {
    await using on = await startStand({
      simulator: SIMULATOR,
      upstreams: [{ name: 'alpha' }, { name: 'beta' }, { name: 'alpha-other' }],
    })
    const thread = 'with-ciphertext'
    const first = await ask(on.url, turn(on.key, { thread }))
    const input = [says('Hi'), ...itemsIn(first.text), says('And then?')]
    // The other key of the organization has to be known as such before it can help.
    for (let i = 0; i < 6; i++) await ask(on.url, turn(on.key))
    await until(async () => {
      const upstreams = await on.admin(({ registry }) => registry.upstreams())
      return upstreams.every(({ organization }) => organization !== undefined) ? true : undefined
    })
    await change(on, 'alpha', { enabled: false })
    const before = on.simulator.truth().length
    const second = await until(async () => {
      const answered = await ask(on.url, turn(on.key, { thread, input }))
      return keysUsed(on).at(-1) === 'alpha-other' ? answered : undefined
    })
    match(second.text, /response\.completed/)
    deepEqual(
      new Set(keysUsed(on).slice(before)),
      new Set([
        'alpha-other',
        ...keysUsed(on)
          .slice(before)
          .filter((key) => key === 'alpha'),
      ]),
    )
    await change(on, 'alpha-other', { enabled: false })
    const refused = await until(async () => {
      const answered = await ask(on.url, turn(on.key, { thread, input }))
      return failureIn(answered.text) ? answered : undefined
    })
    equal(failureIn(refused.text)?.code, 'invalid_prompt')
    match(failureIn(refused.text)?.message ?? '', /no other can read it/)
    ok(!on.simulator.truth().some(({ key, requestHeaders }) => key === 'beta' && requestHeaders.includes(thread)))
    // Without ciphertext the same thread may go anywhere.
    match((await ask(on.url, turn(on.key, { thread }))).text, /response\.completed/)
  })

  test('waits for its organization to cool down, and does not cross', async () => {
    await using on = await startStand({ simulator: SIMULATOR, upstreams: [{ name: 'alpha' }, { name: 'beta' }] })
    const thread = 'cooling'
    const first = await ask(on.url, turn(on.key, { thread }))
    const input = [says('Hi'), ...itemsIn(first.text), says('And then?')]
    on.simulator.script({
      status: 429,
      body: { error: { code: 'rate_limit_exceeded', message: 'wait' } },
      headers: { 'retry-after': '1' },
    })
    const second = await ask(on.url, turn(on.key, { thread, input }))
    match(second.text, /response\.completed/)
    ok(second.headMs > 900)
    deepEqual(keysUsed(on), ['alpha', 'alpha', 'alpha'])
  })

  test('goes with a thread that is forked off another, by its oldest ciphertext', async () => {
    await using on = await startStand({ simulator: SIMULATOR, upstreams: [{ name: 'alpha' }, { name: 'beta' }] })
    let input: readonly unknown[] = [says('Hi')]
    for (const more of ['And then?', 'And now?']) {
      const answered = await ask(on.url, turn(on.key, { thread: 'parent', input }))
      input = [...input, ...itemsIn(answered.text), says(more)]
    }
    const [maker] = keysUsed(on)
    for (let i = 0; i < 6; i++) {
      const forked = await ask(on.url, turn(on.key, { thread: `fork-${i}`, input }))
      match(forked.text, /response\.completed/)
    }
    deepEqual(new Set(keysUsed(on)), new Set([maker]))
  })

  test('is found again in the ledger after a restart, whatever errors came after it', async () => {
    await using on = await startGround({ simulator: SIMULATOR, upstreams: [{ name: 'alpha' }, { name: 'beta' }] })
    const thread = 'restarted'
    let input: readonly unknown[] = []
    {
      await using gateway = await startGateway(on.config, SILENT)
      const first = await ask(gateway.url, turn(on.key, { thread }))
      input = [says('Hi'), ...itemsIn(first.text), says('And then?')]
      await on.admin(({ registry }) => registry.setUpstream('alpha', { enabled: false }))
      // A turn of the thread without ciphertext may go to another organization; one that fails there made none.
      await until(async () => {
        on.simulator.clear()
        on.simulator.script({ status: 400, body: 'no' })
        await ask(gateway.url, turn(on.key, { thread }))
        return keysUsed(on)[0] === 'beta' ? true : undefined
      })
      await on.admin(({ registry }) => registry.setUpstream('alpha', { enabled: true }))
    }
    await using gateway = await startGateway(on.config, SILENT)
    on.simulator.clear()
    for (let i = 0; i < 3; i++) {
      match((await ask(gateway.url, turn(on.key, { thread, input }))).text, /response\.completed/)
    }
    deepEqual(keysUsed(on), ['alpha', 'alpha', 'alpha'])
  })
})
