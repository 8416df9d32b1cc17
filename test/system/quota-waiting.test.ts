import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startStand, until, type Stand } from '../support/stand.ts'
import { ask, turn, type Answered } from '../support/wire.ts'

/** A call that gets no answer until it is told to leave. */
interface Stuck extends AsyncDisposable {
  readonly ended: boolean
}

async function stand(fiveHourQuota: bigint, alpha: { readonly maxConcurrent?: number } = {}): Promise<Stand> {
  return await startStand({
    upstreams: [{ name: 'alpha', ...alpha }],
    simulator: { tokens: 'bytes', text: 'Hello.', reasoningTokens: 0 },
    member: { fiveHourQuota },
    toml: '[limits]\ncodex_queue_secs = 60\n',
  })
}

/** Makes a call that holds what is left of the quota. */
async function stuck(on: Stand): Promise<Stuck> {
  const before = on.simulator.requests().length
  on.simulator.script({ headDelayMs: 600_000, times: 1 })
  const leaving = new AbortController()
  let ended = false
  const over = ask(on.url, { ...turn(on.key), signal: leaving.signal })
    .catch(() => undefined)
    .finally(() => (ended = true))
  await until(() => (on.simulator.requests().length > before ? true : undefined))
  return {
    get ended() {
      return ended
    },
    [Symbol.asyncDispose]: async () => {
      leaving.abort()
      await over
    },
  }
}

/** Makes another call, and sees that it waits. */
async function waiting(on: Stand): Promise<{ readonly answer: Promise<Answered> }> {
  let answered = false
  const answer = ask(on.url, turn(on.key)).finally(() => (answered = true))
  await sleep(500)
  equal(answered, false)
  return { answer }
}

const BY = { member: 'alice', window: '5h', who: 'root', why: undefined } as const

suite('a call that waits for what others hold of its member’s quota', { concurrency: 2 }, () => {
  test('goes as soon as another process grants more, while the others still run', async () => {
    await using on = await stand(1n)
    await using first = await stuck(on)
    const { answer } = await waiting(on)
    await on.admin(({ quotas }) => quotas.grant({ ...BY, credits: 10n ** 15n, until: undefined }))
    match((await answer).text, /response\.completed/)
    equal(first.ended, false)
  })

  test('goes as soon as another process raises its member’s quota', async () => {
    await using on = await stand(1n)
    await using first = await stuck(on)
    const { answer } = await waiting(on)
    await on.admin(({ registry }) => registry.setMember('alice', { fiveHourQuota: 10n ** 15n }))
    match((await answer).text, /response\.completed/)
    equal(first.ended, false)
  })

  test('keeps no upstream key meanwhile from others that could use it', async () => {
    await using on = await stand(1n, { maxConcurrent: 2 })
    const bob = await on.addMember({ name: 'bob' })
    await until(async () => ((await ask(on.url, turn(bob))).status === 200 ? true : undefined))
    const first = await stuck(on)
    const { answer } = await waiting(on)
    match((await ask(on.url, turn(bob))).text, /response\.completed/)
    await first[Symbol.asyncDispose]()
    match((await answer).text, /member_5h_quota_exceeded/)
  })

  test('is judged anew by a grant that is too small, and waits on', async () => {
    await using on = await stand(1n)
    const first = await stuck(on)
    try {
      const { answer } = await waiting(on)
      await on.admin(({ quotas }) => quotas.grant({ ...BY, credits: 1n, until: undefined }))
      equal(await Promise.race([answer, sleep(1000, 'waits')]), 'waits')
      await first[Symbol.asyncDispose]()
      match((await answer).text, /member_5h_quota_exceeded/)
      deepEqual(
        (await on.settled()).map(({ ending }) => ending),
        ['refused', 'client-left'],
      )
    } finally {
      await first[Symbol.asyncDispose]()
    }
  })

  test('goes as soon as another process resets the window', async () => {
    await using on = await stand(10n ** 15n)
    await ask(on.url, turn(on.key))
    const [row] = await on.settled()
    await on.admin(({ registry }) => registry.setMember('alice', { fiveHourQuota: (row?.credits ?? 0n) + 1n }))
    await on.heard()
    await using first = await stuck(on)
    const { answer } = await waiting(on)
    await on.admin(({ quotas }) => quotas.reset(BY))
    match((await answer).text, /response\.completed/)
    equal(first.ended, false)
  })
})
