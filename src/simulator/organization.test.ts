import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { startSimulator, type Simulator, type SimulatorOptions } from './simulator.ts'

const HOUR_MS = 3_600_000

interface Page {
  readonly object: string
  readonly data: readonly {
    readonly object: string
    readonly start_time: number
    readonly end_time: number
    readonly results: readonly Readonly<Record<string, unknown>>[]
  }[]
  readonly has_more: boolean
  readonly next_page: string | null
}

async function ask(on: Simulator, key: string, body: object): Promise<string> {
  const answer = await fetch(`${on.url}/v1/responses`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ input: 'Hello there', stream: true, model: 'gpt-5.5', ...body }),
  })
  return await answer.text()
}

async function read(on: Simulator, path: string, admin = 'sk-admin-sim'): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${on.url}/v1/organization/${path}`, { headers: { authorization: `Bearer ${admin}` } })
  return { status: answer.status, text: await answer.text() }
}

async function page(on: Simulator, path: string, admin?: string): Promise<Page> {
  const { status, text } = await read(on, path, admin)
  equal(status, 200, text)
  return JSON.parse(text) as Page
}

const SIMULATED: SimulatorOptions = { tokens: 'bytes' }
const secs = (ms: number): number => Math.floor(ms / 1000)
/** From an hour ago to in an hour: a test may run at midnight. */
const around = (): string => `start_time=${secs(Date.now() - HOUR_MS)}&end_time=${secs(Date.now() + HOUR_MS)}`
const resultsOf = ({ data }: Page): Page['data'][number]['results'] => data.flatMap(({ results }) => results)

suite('the books of a simulated organization', () => {
  test('state what its keys used, by project, key, model and tier, and nothing of others', async () => {
    await using on = await startSimulator(SIMULATED)
    await ask(on, 'sk-sim-alpha', {})
    await ask(on, 'sk-sim-alpha', {})
    await ask(on, 'sk-sim-alpha', { service_tier: 'priority' })
    await ask(on, 'sk-sim-alpha-other', { model: 'gpt-6.1-sol' })
    await ask(on, 'sk-sim-beta', {})
    const groups = ['project_id', 'api_key_id', 'model', 'service_tier'].map((name) => `group_by[]=${name}`).join('&')
    const results = resultsOf(await page(on, `usage/completions?${around()}&bucket_width=1d&${groups}`))
    const truth = on.truth()
    deepEqual(
      results.map((one) => [one['project_id'], one['api_key_id'], one['model'], one['service_tier']]),
      [
        ['proj_sim_a1', 'key_sim_alpha', 'gpt-5.5-2026-04-23', 'default'],
        ['proj_sim_a1', 'key_sim_alpha', 'gpt-5.5-2026-04-23', 'priority'],
        ['proj_sim_a2', 'key_sim_alpha-other', 'gpt-6.1-sol', 'default'],
      ],
    )
    const [first, second] = truth
    ok(first && second)
    deepEqual(
      ['num_model_requests', 'input_tokens', 'output_tokens', 'input_cached_tokens', 'object', 'user_id'].map(
        (name) => results[0]?.[name],
      ),
      [
        2,
        first.inputTokens + second.inputTokens,
        first.outputTokens + second.outputTokens,
        first.cachedInputTokens + second.cachedInputTokens,
        'organization.usage.completions.result',
        null,
      ],
    )
    const others = resultsOf(await page(on, `usage/completions?${around()}`, 'sk-admin-sim-b'))
    deepEqual(
      others.map((one) => [one['num_model_requests'], one['api_key_id']]),
      [[1, null]],
    )
  })

  test('count a call that was cut off with what was generated, and not one that failed or was refused', async () => {
    await using on = await startSimulator(SIMULATED)
    on.script({ reset: { afterEvents: 6 } })
    await ask(on, 'sk-sim-alpha', {}).catch(() => undefined)
    on.script({ ending: { type: 'response.failed' } })
    await ask(on, 'sk-sim-alpha', {})
    await ask(on, 'sk-sim-alpha', { model: 'no-such-model' })
    on.script({ status: 500, body: {} })
    await ask(on, 'sk-sim-alpha', {})
    const [cut, failed] = on.truth()
    ok(cut && failed && failed.inputTokens > 0 && cut.outputTokens > 0)
    const [result, ...more] = resultsOf(await page(on, `usage/completions?${around()}`))
    deepEqual(more, [])
    deepEqual(
      [result?.['num_model_requests'], result?.['input_tokens'], result?.['output_tokens']],
      [1, cut.inputTokens, cut.outputTokens],
    )
  })

  test('are read page by page, with empty buckets in between', async () => {
    await using on = await startSimulator(SIMULATED)
    await ask(on, 'sk-sim-alpha', {})
    const hours = `start_time=${secs(Date.now() - 4 * HOUR_MS)}&end_time=${secs(Date.now() + HOUR_MS)}&bucket_width=1h`
    const buckets: Page['data'][number][] = []
    let cursor = ''
    let pages = 0
    do {
      const next = await page(on, `usage/completions?${hours}&limit=2${cursor}`)
      equal(next.has_more, next.next_page !== null)
      buckets.push(...next.data)
      cursor = next.next_page === null ? '' : `&page=${encodeURIComponent(next.next_page)}`
      pages++
    } while (cursor !== '')
    ok(pages === 3 && buckets.length >= 5, `${pages} pages, ${buckets.length} buckets`)
    for (const [i, bucket] of buckets.entries()) equal(bucket.start_time, (buckets[0]?.start_time ?? 0) + i * 3600)
    equal(buckets.filter(({ results }) => results.length > 0).length, 1)
  })

  test('do not know yet what was over only just now', async () => {
    await using on = await startSimulator({ ...SIMULATED, usageDelayMs: 300 })
    await ask(on, 'sk-sim-alpha', {})
    deepEqual(resultsOf(await page(on, `usage/completions?${around()}`)), [])
    await new Promise((resolve) => setTimeout(resolve, 350))
    equal(resultsOf(await page(on, `usage/completions?${around()}`)).length, 1)
  })

  test('state costs by line of the bill, to the last digit', async () => {
    await using on = await startSimulator(SIMULATED)
    await ask(on, 'sk-sim-alpha', {})
    await ask(on, 'sk-sim-alpha', { service_tier: 'priority' })
    const [plain, fast] = on.truth()
    ok(plain && fast)
    const { text } = await read(on, `costs?${around()}&group_by=line_item&group_by=api_key_id`)
    const lines = Array.from(
      text.matchAll(
        /"value":([\d.]+),"currency":"usd"},"project_id":null,"line_item":"([^"]+)","api_key_id":"([^"]+)"/g,
      ),
    )
    const costs = Object.fromEntries(lines.map(([, value = '', item = '']) => [item, value]))
    // $5 and $30 a million tokens, and two and a half times that.
    const input = plain.inputTokens - plain.cachedInputTokens
    equal(costs['gpt-5.5-2026-04-23, input'], `0.${String(input * 5).padStart(6, '0')}${'0'.repeat(27)}`)
    equal(Number(costs['gpt-5.5-2026-04-23, output']), (plain.outputTokens * 30) / 1e6)
    equal(Number(costs['priority | gpt-5.5-2026-04-23, output']), (fast.outputTokens * 75) / 1e6)
    equal(text.includes('"quantity_unit":"tokens"'), true)
  })

  test('are open to the admin key of the organization alone', async () => {
    await using on = await startSimulator(SIMULATED)
    equal((await read(on, `costs?${around()}`, 'sk-nobody')).status, 401)
    equal((await read(on, `costs?${around()}`, 'sk-sim-alpha')).status, 403)
    equal((await read(on, 'costs')).status, 400)
    equal((await read(on, `costs?${around()}&limit=181`)).status, 400)
    equal((await read(on, `usage/completions?${around()}&limit=32`)).status, 400)
    equal((await read(on, `usage/completions?${around()}&group_by=colour`)).status, 400)
    on.script({ on: 'books', status: 429, body: {} })
    await ask(on, 'sk-sim-alpha', {})
    equal((await read(on, `costs?${around()}`)).status, 429)
    equal((await read(on, `costs?${around()}`)).status, 200)
    equal(on.truth().length, 1)
  })

  test('tell which keys a project has, with their middles hidden', async () => {
    await using on = await startSimulator(SIMULATED)
    const { text } = await read(on, 'projects/proj_sim_a1/api_keys?limit=1')
    const first = JSON.parse(text) as {
      data: { id: string; redacted_value: string }[]
      has_more: boolean
      last_id: string
    }
    deepEqual(
      first.data.map(({ id, redacted_value }) => [id, redacted_value]),
      [['key_sim_alpha', '************']],
    )
    const rest = JSON.parse(
      (await read(on, `projects/proj_sim_a1/api_keys?after=${first.last_id}`)).text,
    ) as typeof first
    deepEqual(
      rest.data.map(({ id, redacted_value }) => [id, redacted_value]),
      [['key_sim_alpha-twin', 'sk-sim-a*****twin']],
    )
    deepEqual([first.has_more, rest.has_more], [true, false])
    equal((await read(on, 'projects/proj_sim_b1/api_keys')).status, 404)
  })
})
