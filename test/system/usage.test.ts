import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { rowsIn } from '../support/ledger-file.ts'
import { startStand, type Stand } from '../support/stand.ts'
import { ask, turn, type Answered } from '../support/wire.ts'

const SIMULATOR = { tokens: 'bytes', text: 'Hello.', reasoningTokens: 0 } as const
const MUCH = 10n ** 15n

interface Usage {
  readonly windows: readonly Record<string, unknown>[]
  readonly today: Readonly<Record<string, unknown>> & { readonly models: readonly Record<string, unknown>[] }
}

function usageOf(on: Stand, key = on.key): Promise<Answered> {
  return ask(on.url, { method: 'GET', path: '/v1/usage', headers: ['authorization', `Bearer ${key}`] })
}

function documentedKeys(): readonly string[] {
  const page = readFileSync(new URL('../../docs/json.md', import.meta.url), 'utf8')
  const section = page.split(/^## /m).find((part) => part.startsWith('GET /v1/usage')) ?? ''
  return [...section.matchAll(/^\| `([\w.[\]]+)`/gm)].map(([, key = '']) => key)
}

suite('a member’s own usage', { concurrency: 4 }, () => {
  test('is what the ledger says, in exact decimals', async () => {
    await using on = await startStand({ simulator: SIMULATOR, member: { fiveHourQuota: MUCH } })
    for (const model of ['gpt-5.5', 'gpt-5.4-mini', 'gpt-5.5']) await ask(on.url, turn(on.key, { model }))
    const rows = await on.settled()
    const answered = await usageOf(on)
    equal(answered.status, 200)
    equal(answered.header('x-codex-primary-window-minutes'), '300')
    const usage = JSON.parse(answered.text) as Usage
    const credits = rows.reduce((sum, row) => sum + row.credits, 0n)
    ok(answered.text.includes(`"used":0.${String(credits).padStart(9, '0').replace(/0+$/, '')},`), answered.text)
    const [primary, weekly] = usage.windows
    deepEqual([primary?.['window'], primary?.['window_minutes'], primary?.['limit']], ['5h', 300, 1_000_000])
    match(String(primary?.['resets_at']), /^20\d\d-/)
    deepEqual([weekly?.['limit'], weekly?.['left'], weekly?.['used_percent']], [null, null, null])
    equal(weekly?.['used'], primary?.['used'])
    deepEqual(
      usage.today.models.map(({ model, requests }) => [model, requests]),
      [
        ['gpt-5.5', 2],
        ['gpt-5.4-mini', 1],
      ],
    )
    equal(usage.today['requests'], 3)
    equal(
      usage.today['input_tokens'],
      rows.reduce((sum, row) => sum + row.inputTokens, 0),
    )
    deepEqual(
      documentedKeys(),
      ['member', 'windows', 'today'].flatMap((part) => {
        const of = part === 'windows' ? primary : part === 'today' ? usage.today : undefined
        const list = part === 'windows' ? '[]' : ''
        return of === undefined ? [part] : Object.keys(of).map((key) => `${part}${list}.${key}`)
      }),
    )
  })

  test('is told when a window is spent, takes no place, and stands in no ledger', async () => {
    await using on = await startStand({ simulator: SIMULATOR, member: { fiveHourQuota: 1000n, maxConcurrent: 1 } })
    await ask(on.url, turn(on.key))
    await on.settled()
    equal((await ask(on.url, turn(on.key))).status, 429)
    const before = await rowsIn(on.folder, 'SELECT COUNT(*) AS n FROM calls')
    const answered = await usageOf(on)
    const [primary] = (JSON.parse(answered.text) as Usage).windows
    deepEqual([primary?.['left'], primary?.['used_percent']], [0, 100])
    deepEqual(await rowsIn(on.folder, 'SELECT COUNT(*) AS n FROM calls'), before)
    equal(on.simulator.truth().length, 1, 'nothing goes upstream')
  })

  test('is of the caller alone', async () => {
    await using on = await startStand({ simulator: SIMULATOR })
    await ask(on.url, turn(on.key))
    await on.settled()
    const bob = await on.addMember({ name: 'bob' })
    const stranger = await usageOf(on, 'sk-codex-gw-none')
    equal(stranger.status, 401)
    const usage = await (async () => {
      for (;;) {
        const answered = await usageOf(on, bob)
        if (answered.status === 200) return JSON.parse(answered.text) as Usage & { readonly member: string }
      }
    })()
    deepEqual([usage.member, usage.today['requests'], usage.windows[0]?.['used']], ['bob', 0, 0])
  })

  test('shows a grant at once, and calls go on', async () => {
    await using on = await startStand({ simulator: SIMULATOR, member: { fiveHourQuota: 1000n } })
    await ask(on.url, turn(on.key))
    await on.settled()
    equal((await ask(on.url, turn(on.key))).status, 429)
    const by = { member: 'alice', window: undefined, who: 'root', why: undefined }
    await on.admin(({ quotas }) => quotas.grant({ ...by, credits: MUCH, until: undefined }))
    const [primary] = (JSON.parse((await usageOf(on)).text) as Usage).windows
    deepEqual([primary?.['limit'], primary?.['used_percent']], [1_000_000.000001, 0])
    const answered = await ask(on.url, turn(on.key))
    match(answered.text, /response\.completed/)
    equal(answered.header('x-codex-primary-used-percent'), '0')
  })
})
