import { equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { allRead, connected, head } from '../support/raw.ts'
import { startStand, until } from '../support/stand.ts'
import { ask, failureIn, stream, turn, type Answered, type Ask } from '../support/wire.ts'

const json = (key: string): string[] => [
  `authorization: Bearer ${key}`,
  'originator: codex_exec',
  'content-type: application/json',
]
const long = (n: number): string => `{"model":"gpt-5.5","input":"${'x'.repeat(n)}"`

/** A key that was made a moment ago may not be known yet. */
async function served(url: string, what: Ask): Promise<Answered> {
  return await until(async () => {
    const answered = await ask(url, what)
    return answered.status === 401 ? undefined : answered
  })
}

suite('one member', { concurrency: 4 }, () => {
  test('fills its own share of the memory for bodies, and leaves the rest to others', async () => {
    await using on = await startStand({
      toml: '[limits]\nmax_buffered_bytes = 400000\nmax_member_buffered_bytes = 200000\nmax_body_bytes = 100000\n',
    })
    const bob = await on.addMember({ name: 'bob' })
    using one = await connected(on.url)
    using two = await connected(on.url)
    for (const raw of [one, two]) {
      raw.write(head('POST /v1/responses', ...json(on.key), 'content-length: 99000'), long(90_000))
      await allRead(raw.socket)
    }
    const body = `${long(90_000)}}`
    const third = await until(async () => {
      const answered = await ask(on.url, { ...turn(on.key), body })
      return answered.text.includes('"completed"') ? undefined : answered
    })
    equal(failureIn(third.text)?.code, 'rate_limit_exceeded')
    match(third.text, /holds as much of your requests as it can/)
    match((await served(on.url, { ...turn(bob), body })).text, /"completed"/)
    one.socket.destroy()
    two.socket.destroy()
    await until(async () =>
      (await ask(on.url, { ...turn(on.key), body })).text.includes('"completed"') ? true : undefined,
    )
  })

  test('has so many calls wait for a place and no more: the next one hears of it at once', async () => {
    await using on = await startStand({
      toml: '[limits]\nmax_queued_per_member = 2\ncodex_queue_secs = 120\n',
      member: { maxConcurrent: 1 },
    })
    const bob = await on.addMember({ name: 'bob', maxConcurrent: 1 })
    on.simulator.script({ stall: { afterEvents: 3 } })
    const first = await stream(on.url, turn(on.key))
    await first.events(3)
    const left = new AbortController()
    // Whichever of three comes last is refused while the two others wait.
    const three = [1, 2, 3].map(() => ask(on.url, turn(on.key, { signal: left.signal })))
    const refused = await Promise.race(three)
    equal(failureIn(refused.text)?.code, 'rate_limit_exceeded')
    match(refused.text, /as many of your calls as may wait for one do so already/)
    match((await served(on.url, turn(bob))).text, /"completed"/)
    left.abort()
    first.kill()
    equal((await Promise.allSettled(three)).filter(({ status }) => status === 'rejected').length, 2)
    // Whoever waited and left has left the line: there is room in it, and in the end a place.
    ok((await ask(on.url, turn(on.key))).text.includes('"completed"'))
  })
})
