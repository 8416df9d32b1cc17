import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { createHmac, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { suite, test } from 'node:test'
import { until } from '../../../test/support/stand.ts'
import { Webhook, type WebhookOptions } from './webhook.ts'

const SECRET = 'a-secret-of-the-tests'

interface Post {
  readonly path: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A receiver whose answers are chosen: a status each, the last one for all that come behind; 0 = never. */
async function receiver(...statuses: number[]) {
  const posts: Post[] = []
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    void text(request).then((body) => {
      posts.push({ path: request.url, headers: request.headers, body })
      const status = statuses[Math.min(posts.length, statuses.length) - 1] ?? 200
      if (status !== 0) response.writeHead(status).end('thank you')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/token-in-the-path`
  const end = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { url, posts, [Symbol.asyncDispose]: end }
}

function hook(url: string, over: Partial<WebhookOptions> = {}): { hook: Webhook; log: string[] } {
  const log: string[] = []
  const at =
    (level: string) =>
    (event: string, fields: object = {}): void =>
      void log.push(`${level} ${event} ${JSON.stringify(fields)}`)
  const lines = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  return { hook: new Webhook({ url, secret: SECRET, log: lines, backoffMs: 10, ...over }), log }
}

/** Sends an event; `over` gets its number when there is nothing more to do about it. */
function give(
  to: Webhook,
  facts: { readonly number?: number } = {},
  over: (number?: number) => void = () => undefined,
) {
  to.send({ id: randomUUID(), type: 'quota.warning' }, facts, () => over(facts.number))
}

suite('a webhook', { concurrency: 4 }, () => {
  test('is posted in order, each event with its signature over the time and the body', async () => {
    await using to = await receiver(200)
    await using sent = hook(to.url).hook
    for (const number of [1, 2, 3]) give(sent, { number })
    await until(() => to.posts[2])
    deepEqual(
      to.posts.map(({ body }) => (JSON.parse(body) as { number: number }).number),
      [1, 2, 3],
    )
    const [{ headers, body, path } = { headers: {}, body: '', path: '' }] = to.posts
    equal(path, '/hooks/token-in-the-path')
    equal(headers['content-type'], 'application/json')
    const timestamp = String(headers['x-codex-gateway-timestamp'])
    ok(Math.abs(Number(timestamp) - Date.now() / 1000) < 60)
    const signature = createHmac('sha256', SECRET).update(`${timestamp}.${body}`).digest('hex')
    equal(headers['x-codex-gateway-signature'], `sha256=${signature}`)
    const { id, type } = JSON.parse(body) as { id: string; type: string }
    match(id, /^[0-9a-f-]{36}$/)
    equal(type, 'quota.warning')
    // One that comes when all was done is posted too.
    give(sent, { number: 4 })
    await until(() => to.posts[3])
  })

  test('is tried again under the same id while the receiver has trouble, and what comes behind waits', async () => {
    await using to = await receiver(500, 429, 503, 200)
    await using sent = hook(to.url).hook
    const over: unknown[] = []
    for (const number of [1, 2]) give(sent, { number }, (one) => over.push([one, to.posts.length]))
    await until(() => over[1])
    deepEqual(over, [
      [1, 4],
      [2, 5],
    ])
    const got = to.posts.map(({ body }) => JSON.parse(body) as { id: string; number: number })
    deepEqual(
      got.map(({ number }) => number),
      [1, 1, 1, 1, 2],
    )
    equal(new Set(got.map(({ id }) => id)).size, 2)
  })

  test('waits longer each time', async () => {
    await using to = await receiver(500, 500, 500, 200)
    await using sent = hook(to.url, { backoffMs: 40 }).hook
    const began = performance.now()
    give(sent)
    await until(() => to.posts[3])
    ok(performance.now() - began > 40 + 80 + 160 - 10)
  })

  test('is given up when the receiver does not want it, is away or does not answer', async () => {
    for (const [status, tries, cause] of [
      [400, 1, 'status 400'],
      [302, 1, 'status 302'],
      [500, 3, 'status 500'],
      [0, 3, 'TimeoutError'],
      [-1, 3, 'ECONNREFUSED'],
    ] as const) {
      const to = await receiver(Math.max(0, status))
      if (status === -1) await to[Symbol.asyncDispose]()
      const { hook: sent, log } = hook(to.url, { tries: 3, ...(status === 0 && { timeoutMs: 100 }) })
      await using _ = sent
      let over = 0
      give(sent, {}, () => over++)
      const line = await until(() => log.find((one) => one.includes('given up')))
      ok(line.includes(`"tries":${tries},"cause":"${cause}"`), line)
      equal(over, 1)
      if (status >= 0) equal(to.posts.length, tries)
      ok(!log.join().includes('token-in-the-path') && !log.join().includes(SECRET), 'no secrets in the log')
      if (status >= 0) await to[Symbol.asyncDispose]()
    }
  })

  test('keeps so many events and drops what does not fit, with a word', async () => {
    await using to = await receiver(0, 200)
    const { hook: sent, log } = hook(to.url, { most: 5, timeoutMs: 500 })
    await using _ = sent
    const over: unknown[] = []
    for (let number = 1; number <= 50; number++) give(sent, { number }, (one) => over.push(one))
    equal(over.length, 45)
    equal(log.filter((line) => line.includes('queue full')).length, 1)
    const numbers = (): readonly number[] => to.posts.map(({ body }) => (JSON.parse(body) as { number: number }).number)
    await until(() => (numbers().includes(5) ? true : undefined))
    await until(() => log.find((line) => line.includes('events dropped {"events":45}')))
    deepEqual([...new Set(numbers())], [1, 2, 3, 4, 5])
  })

  test('tries once more when the gateway stops, and keeps it from stopping only for a moment', async () => {
    await using to = await receiver(500, 200)
    const away = hook(to.url, { backoffMs: 60_000 })
    await using _ = away.hook
    give(away.hook)
    await until(() => away.log.find((line) => line.includes('not taken yet')))
    await away.hook[Symbol.asyncDispose]()
    equal(to.posts.length, 2)
    await using hanging = await receiver(0)
    const { hook: sent, log } = hook(hanging.url)
    let over = 0
    for (let number = 0; number < 20; number++) give(sent, { number }, () => over++)
    const began = performance.now()
    await sent[Symbol.asyncDispose]()
    // A try may take ten seconds, and there are more than one.
    ok(performance.now() - began < 9000)
    equal(log.filter((line) => line.includes('left over')).length, 20)
    give(sent, {}, () => over++)
    equal(over, 0, 'whoever keeps them sends them again')
  })
})
