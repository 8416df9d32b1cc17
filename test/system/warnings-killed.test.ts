import { deepEqual, equal, ok } from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { rowsAtOnce, rowsIn } from '../support/ledger-file.ts'
import { serve } from '../support/serve.ts'
import { startGround, until, type Ground } from '../support/stand.ts'
import { ask, turn } from '../support/wire.ts'

interface Receiver extends AsyncDisposable {
  readonly url: string
  readonly posts: { readonly id: string; readonly member: string; readonly at: string }[]
  /** Answers each post after so long; undefined = never. */
  answersAfterMs: number | undefined
}

async function receiver(): Promise<Receiver> {
  const posts: Receiver['posts'] = []
  const server = createServer((request, response) => {
    void text(request).then(async (body) => {
      posts.push(JSON.parse(body) as Receiver['posts'][number])
      if (to.answersAfterMs === undefined) return
      await sleep(to.answersAfterMs)
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const to: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    posts,
    answersAfterMs: undefined,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return to
}

async function ground(webhook: string): Promise<Ground> {
  return await startGround({
    simulator: { tokens: 'bytes', text: 'Hello.' },
    member: { weeklyQuota: 1n },
    toml: `[quota]\nwarn_at = [100]\nwebhook_url = "${webhook}"\nwebhook_secret = "0123456789abcdef"\n`,
  })
}

async function waiting({ folder }: Ground): Promise<number> {
  return (await rowsIn(folder, 'SELECT id FROM outbox')).length
}

/** A call that spends the quota of its member; resolves when it was seen to be complete, and so is settled. */
async function spendAll(url: string, key: string): Promise<void> {
  ok((await ask(url, turn(key))).text.includes('"type":"response.completed"'))
}

suite('a warning whose gateway is killed before it is delivered', { concurrency: 2 }, () => {
  test('is posted by the next one under the same id, and then no more', async () => {
    await using to = await receiver()
    await using on = await ground(to.url)
    {
      await using gateway = await serve(on.configFile)
      await spendAll(gateway.url, on.key)
      await until(() => to.posts[0])
      gateway.signal('SIGKILL')
      equal(await gateway.ended, 'SIGKILL')
    }
    // Nobody brings into the database any more what the journal has beside it.
    equal(rowsAtOnce(on.folder, 'SELECT id FROM outbox').length, 1)
    to.answersAfterMs = 0
    {
      await using gateway = await serve(on.configFile)
      await until(async () => ((await waiting(on)) === 0 ? true : undefined))
      gateway.signal('SIGTERM')
      equal(await gateway.ended, 0)
    }
    {
      await using gateway = await serve(on.configFile)
      gateway.signal('SIGTERM')
      equal(await gateway.ended, 0)
    }
    equal(to.posts.length, 2)
    deepEqual(to.posts[1], to.posts[0])
  })

  test('is posted by the next one when the first was stopped gently, too', async () => {
    await using to = await receiver()
    await using on = await ground(to.url)
    {
      await using gateway = await serve(on.configFile)
      await spendAll(gateway.url, on.key)
      await until(() => to.posts[0])
      gateway.signal('SIGTERM')
      equal(await gateway.ended, 0)
    }
    equal(await waiting(on), 1)
    to.answersAfterMs = 0
    await using _ = await serve(on.configFile)
    await until(async () => ((await waiting(on)) === 0 ? true : undefined))
    equal(new Set(to.posts.map(({ id }) => id)).size, 1)
  })

  test('is delivered, whatever the instant, at least once and under one id', async () => {
    await using to = await receiver()
    to.answersAfterMs = 20
    await using on = await ground(to.url)
    const members = ['alice']
    const keys = [on.key]
    for (let i = 0; i < 4; i++) {
      members.push(`member-${i}`)
      keys.push(await on.addMember({ name: members.at(-1) ?? '', weeklyQuota: 1n }))
    }
    for (const key of keys) {
      await using gateway = await serve(on.configFile)
      await spendAll(gateway.url, key)
      await sleep(Math.random() * 40)
      gateway.signal('SIGKILL')
      await gateway.ended
    }
    await using _ = await serve(on.configFile)
    await until(async () => ((await waiting(on)) === 0 ? true : undefined))
    const ids = Map.groupBy(to.posts, ({ member }) => member)
    deepEqual([...ids.keys()].toSorted(), members.toSorted())
    for (const posts of ids.values()) equal(new Set(posts.map(({ id }) => id)).size, 1)
  })
})
