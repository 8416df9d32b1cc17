import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { lockLedger } from '../support/ledger-file.ts'
import { startStand, until, type Stand } from '../support/stand.ts'
import { ask, turn } from '../support/wire.ts'

const SIMULATOR = { tokens: 'bytes', text: 'Hello.', reasoningTokens: 0 } as const
const SECRET = '0123456789abcdef'

interface Told {
  readonly window: string
  readonly percent: number
  readonly used_percent: number
  readonly member: string
}

function warnings(on: Stand): readonly Told[] {
  return on.log
    .filter((line) => line.startsWith('warn quota warning '))
    .map((line) => JSON.parse(line.slice('warn quota warning '.length)) as Told)
}

/** What one call of this shape costs. */
async function price(): Promise<bigint> {
  await using on = await startStand({ simulator: SIMULATOR })
  await ask(on.url, turn(on.key))
  const [row] = await on.settled()
  ok(row && row.credits > 0n)
  return row.credits
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

suite('warnings of a quota', { concurrency: 4 }, () => {
  test('come once for each threshold and window, in the log and signed at the webhook', async () => {
    const posts: { body: string; signature: string | undefined; timestamp: string }[] = []
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        const timestamp = String(request.headers['x-codex-gateway-timestamp'])
        posts.push({ body, timestamp, signature: request.headers['x-codex-gateway-signature'] as string })
        response.end()
      })
    })
    const url = await listening(server)
    try {
      const cost = await price()
      await using on = await startStand({
        simulator: SIMULATOR,
        member: { fiveHourQuota: cost * 10n, weeklyQuota: cost * 20n },
        toml: `[quota]\nwebhook_url = "${url}"\nwebhook_secret = "${SECRET}"\n`,
      })
      const after: number[] = []
      for (let i = 0; i < 11; i++) {
        await ask(on.url, turn(on.key))
        await on.settled()
        after.push(warnings(on).length)
      }
      // The same call costs the same, so that the fifth reaches 50 % of the 5-hour window.
      deepEqual(after, [0, 0, 0, 0, 1, 1, 1, 2, 2, 4, 4])
      deepEqual(
        warnings(on).map(({ window, percent, used_percent: used, member }) => [window, percent, used, member]),
        [
          ['5h', 50, 50, 'alice'],
          ['5h', 80, 80, 'alice'],
          ['5h', 95, 100, 'alice'],
          ['weekly', 50, 50, 'alice'],
        ],
      )
      await until(() => posts[3])
      deepEqual(
        posts.map(({ body }) => JSON.parse(body) as Told).map(({ window, percent }) => [window, percent]),
        warnings(on).map(({ window, percent }) => [window, percent]),
      )
      for (const { body, timestamp, signature } of posts) {
        equal(signature, `sha256=${createHmac('sha256', SECRET).update(`${timestamp}.${body}`).digest('hex')}`)
      }
      // A new window begins anew.
      await on.admin(({ quotas }) => quotas.reset({ member: 'alice', window: '5h', who: 'root', why: undefined }))
      for (let i = 0; i < 5; i++) await ask(on.url, turn(on.key))
      await on.settled()
      deepEqual(
        warnings(on)
          .slice(4)
          .map(({ window, percent }) => [window, percent]),
        [['5h', 50]],
      )
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })

  test('come though no call follows, where two that end beside each other reach one together', async () => {
    const cost = await price()
    await using on = await startStand({ simulator: SIMULATOR, member: { fiveHourQuota: (cost * 13n) / 2n } })
    await ask(on.url, turn(on.key))
    // By its first answer the key's organization is learned, and what was known of members is forgotten.
    await sleep(1000)
    await ask(on.url, turn(on.key))
    const lock = lockLedger(on.folder)
    // Two and a half times the cost, and 69 %: the ledger is asked, and cannot answer.
    const dear = ask(on.url, turn(on.key, { tier: 'priority' }))
    await until(() => on.simulator.truth()[2])
    // 46 %, as far as anybody knows who does not ask; soon the first one is promised, and everybody asks.
    const other = ask(on.url, turn(on.key))
    await Promise.race([other, sleep(2000)])
    lock[Symbol.dispose]()
    match((await other).text, /response\.completed/)
    match((await dear).text, /response\.completed/)
    await until(() => warnings(on)[1])
    deepEqual(
      warnings(on).map(({ percent }) => percent),
      [50, 80],
    )
  })

  test('come once where the ledger is so slow that a settlement is promised while it is asked for', async () => {
    const cost = await price()
    await using on = await startStand({ simulator: SIMULATOR, member: { fiveHourQuota: cost * 6n } })
    await ask(on.url, turn(on.key))
    // As above.
    await sleep(1000)
    await ask(on.url, turn(on.key))
    const lock = lockLedger(on.folder)
    const asked = ask(on.url, turn(on.key))
    await until(() => on.simulator.truth()[2])
    await sleep(600)
    // Waits for what was promised, and so has it written before the settlement that was asked for.
    const ready = fetch(`${on.url}/readyz`)
    await sleep(300)
    lock[Symbol.dispose]()
    match((await asked).text, /response\.completed/)
    equal((await ready).status, 200)
    await until(() => warnings(on)[0])
    await sleep(300)
    deepEqual(
      warnings(on).map(({ percent }) => percent),
      [50],
    )
  })

  test('hold up no call while the webhook hangs, and are not told again when a limit was moved', async () => {
    let asked = 0
    const server = createServer(() => (asked += 1))
    const url = await listening(server)
    try {
      await using on = await startStand({
        simulator: SIMULATOR,
        member: { fiveHourQuota: 10n ** 15n, weeklyQuota: 1n },
        toml: `[quota]\nwarn_at = [100]\nwebhook_url = "${url}"\nwebhook_secret = "${SECRET}"\n`,
      })
      const answered = await ask(on.url, turn(on.key))
      match(answered.text, /response\.completed/)
      await until(() => warnings(on)[0])
      equal((await ask(on.url, turn(on.key))).status, 429)
      await on.admin(({ registry }) => registry.setMember('alice', { weeklyQuota: 2n }))
      await until(async () => ((await ask(on.url, turn(on.key))).text.includes('of 0.000000002 ') ? true : undefined))
      await on.admin(({ registry }) => registry.setMember('alice', { weeklyQuota: 10n ** 15n }))
      await until(async () => ((await ask(on.url, turn(on.key))).status === 200 ? true : undefined))
      // The webhook has answered none of this, and never will.
      ok(asked > 0)
      equal(warnings(on).length, 1)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })

  test('are not for members without limits', async () => {
    await using on = await startStand({ simulator: SIMULATOR })
    await ask(on.url, turn(on.key))
    await on.settled()
    deepEqual(warnings(on), [])
  })
})
