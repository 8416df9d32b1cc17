import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { NANO_PER_CREDIT } from '../../src/core/units.ts'
import { complaints } from '../support/both-ways.ts'
import { rowsIn } from '../support/ledger-file.ts'
import { codexHome, type CodexHome, type CodexOptions } from '../support/codex.ts'
import { APOSTROPHE, MODELS, WARMS_UP } from '../support/codex-version.ts'
import { ALPHA, ALPHA_OTHER, BETA } from '../support/codex-stand.ts'
import { startStand, until, type Stand, type StandOptions } from '../support/stand.ts'
import { expectTruth } from '../support/truth.ts'

/** What stands in the simulator's book before the turns of a conversation. */
const BEGIN = WARMS_UP ? ['warm-up'] : []

const SPENT = new RegExp(
  `You${APOSTROPHE}ve hit your usage limit\\. Ask your gateway admin for more quota, or try again at`,
)

interface Line extends AsyncDisposable {
  readonly on: Stand
  readonly codex: CodexHome
}

async function line({ codex, ...options }: StandOptions & { codex?: Partial<CodexOptions> } = {}): Promise<Line> {
  await using parts = new AsyncDisposableStack()
  const on = parts.use(await startStand({ ...options, toml: '[routes]\nwebsocket = true\n' }))
  const settings = { url: on.url, key: on.key, webSocket: true, ...codex }
  const home = parts.use(await codexHome(settings))
  const all = parts.move()
  return { on, codex: home, [Symbol.asyncDispose]: () => all.disposeAsync() }
}

function transports(on: Stand): readonly string[] {
  return on.simulator.truth().map(({ transport, warmUp }) => (warmUp ? 'warm-up' : transport))
}

suite('codex over WebSocket', () => {
  for (const model of MODELS) {
    test(`answers, and resumes its session, each turn a call at its true cost (${model})`, async () => {
      await using both = await line({ codex: { model }, member: { fiveHourQuota: 10n * NANO_PER_CREDIT } })
      const { on, codex } = both
      for (const args of [['First.'], ['resume', '--last', 'Second.']]) {
        const result = await codex.exec(args)
        equal(result.code, 0, result.stderr)
        match(result.stdout, /Hello from the simulator/)
        deepEqual(complaints(result.stderr), [])
      }
      deepEqual(transports(on), [...BEGIN, 'ws', ...BEGIN, 'ws'])
      const rows = await on.settled()
      expectTruth(rows, on.simulator.truth())
      deepEqual(
        rows.map(({ kind }) => kind),
        WARMS_UP ? ['turn', 'prewarm', 'turn', 'prewarm'] : ['turn', 'turn'],
      )
      const [usage] = await on.usage()
      deepEqual([usage?.messages, usage?.wsConnections], [2, 2])
      // The member's own window stands in Codex's session record, after each turn with what it cost.
      const [window] = await rowsIn(on.folder, "SELECT CAST(settled AS TEXT) AS settled FROM windows WHERE name = '5h'")
      const percent = Number((BigInt(window?.['settled'] ?? 0) * 10_000n) / (10n * NANO_PER_CREDIT)) / 100
      ok(percent > 1)
      equal(percentsIn(codex).at(-1), percent)
      equal(
        await until(() => (on.simulator.openConnections() === 0 ? 0 : undefined)).catch(() =>
          on.simulator.openConnections(),
        ),
        0,
      )
    })
  }

  test('edits a file over several turns on one connection, with keys of two organizations', async () => {
    await using both = await line({ simulator: { agent: 'shell-and-edit' }, upstreams: [ALPHA, BETA] })
    const { on, codex } = both
    const result = await codex.exec(['Write the note.'])
    equal(result.code, 0, result.stderr)
    equal(readFileSync(join(codex.work, 'note.txt'), 'utf8'), 'hello, world\n')
    deepEqual(complaints(result.stderr), [])
    deepEqual(transports(on), [...BEGIN, 'ws', 'ws', 'ws'])
    equal(new Set(on.simulator.truth().map(({ connection }) => connection)).size, 1)
    expectTruth(await on.settled(), on.simulator.truth())
    equal((await on.usage())[0]?.messages, 1)
  })

  test('hears that its window is spent, in Codex’s own words, between turns and at the next start', async () => {
    await using both = await line({
      simulator: { agent: 'shell-and-edit' },
      member: { fiveHourQuota: NANO_PER_CREDIT / 1000n },
    })
    const { on, codex } = both
    // The warm-up and one turn; then nothing more gets upstream.
    for (const calls of [BEGIN.length + 1, BEGIN.length + 1]) {
      const result = await codex.exec(['Write the note.'])
      ok(result.code !== 0)
      match(result.stderr, SPENT)
      equal(on.simulator.truth().length, calls)
    }
  })

  test('goes on at another key when its own is disabled or limited in the middle, and its user sees nothing', async () => {
    for (const trouble of ['disabled', 'limited'] as const) {
      await using both = await line({
        simulator: { agent: 'shell-and-edit', eventDelayMs: 5 },
        upstreams: [ALPHA, ALPHA_OTHER],
      })
      const { on, codex } = both
      if (trouble === 'limited') {
        const error = { code: 'rate_limit_exceeded', message: 'Rate limit reached. Please try again in 20s.' }
        on.simulator.script({ skip: BEGIN.length + 1, frame: { json: { type: 'error', status: 429, error } } })
      }
      const running = codex.begin(['Write the note.'])
      if (trouble === 'disabled') {
        const used = await until(() => on.simulator.truth().find(({ warmUp, terminal }) => !warmUp && terminal)?.key)
        await on.admin(({ registry }) => registry.setUpstream(used ?? '', { enabled: false }))
      }
      const result = await running.ended
      equal(result.code, 0, `${trouble}: ${result.stderr}`)
      equal(readFileSync(join(codex.work, 'note.txt'), 'utf8'), 'hello, world\n')
      deepEqual(complaints(result.stderr), [], trouble)
      const answered = on.simulator.truth().filter(({ status }) => status === 200)
      expectTruth(await on.settled(), answered)
    }
  })

  test('goes on over HTTP where upstream takes no WebSocket', async () => {
    await using both = await line({ simulator: { webSockets: false } })
    const { on, codex } = both
    const result = await codex.exec(['Hello.'])
    equal(result.code, 0, result.stderr)
    deepEqual(
      on.simulator
        .truth()
        .filter(({ status }) => status === 200)
        .map(({ transport }) => transport),
      ['http'],
    )
  })
})

/** `used_percent` of the first window, in every `token_count` of the session record. */
function percentsIn(codex: CodexHome): readonly (number | undefined)[] {
  return codex.records().flatMap((record) => {
    const payload = record['payload'] as
      | { type?: string; rate_limits?: { primary?: { used_percent?: number } | null } | null }
      | undefined
    return payload?.type === 'token_count' && payload.rate_limits ? [payload.rate_limits.primary?.used_percent] : []
  })
}
