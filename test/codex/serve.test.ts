import { deepEqual, equal, match } from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { creditsText } from '../../src/core/units.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { codexHome, run } from '../support/codex.ts'
import { serve } from '../support/serve.ts'
import { trueCredits } from '../support/true-credits.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

/** What an administrator sees with `calls --json`. */
interface ShownCall {
  readonly response_id: string
  readonly ending: string
  readonly precision: string
  readonly input_tokens: number
  readonly cached_input_tokens: number
  readonly output_tokens: number
  readonly attempts: number
}

suite('a gateway set up from the command line', () => {
  test('serves a codex session of several turns with two keys, and its ledger equals the truth', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'codex-gateway-serve-'))
    try {
      await using simulator = await startSimulator({ agent: 'shell-and-edit' })
      const file = join(folder, 'gateway.toml')
      const database = JSON.stringify(`sqlite://${join(folder, 'gateway.db')}`)
      writeFileSync(
        file,
        `[server]\nbind_addr = "127.0.0.1:0"\n[database]\nurl = ${database}\n[upstream]\nhttp_base_url = "${simulator.url}"\n`,
      )
      const gateway = async (...args: string[]): Promise<string> => {
        const { code, stdout, stderr } = await run(process.execPath, [MAIN, '--config', file, 'admin', ...args])
        equal(code, 0, stderr)
        return stdout
      }
      await gateway('init')
      await gateway('add-member', 'alice', '--five-hour-quota', '100', '--weekly-quota', '500')
      const { secret } = JSON.parse(await gateway('add-codex-key', 'alice', '--json')) as { secret: string }
      await gateway('add-upstream-key', 'first', 'sk-sim-alpha', '--http', '--ws')
      await gateway('add-upstream-key', 'second', 'sk-sim-alpha-twin', '--http', '--ws')

      await using served = await serve(file)
      using codex = await codexHome({ url: served.url, key: secret })
      for (const turn of [['Write the note.'], ['resume', '--last', 'Write it once more.']]) {
        const result = await codex.exec(turn)
        equal(result.code, 0, result.stderr)
        match(result.stdout, /I ran a command and edited note\.txt/)
      }
      served.signal('SIGTERM')
      equal(await served.ended, 0)

      const shown = JSON.parse(await gateway('calls', '--json')) as ShownCall[]
      const truth = simulator.truth()
      equal(truth.length, 6)
      deepEqual(
        shown.toReversed(),
        shown.toReversed().map((call, i) => ({
          ...call,
          response_id: truth[i]?.id,
          ending: 'complete',
          precision: 'exact',
          input_tokens: truth[i]?.inputTokens,
          cached_input_tokens: truth[i]?.cachedInputTokens,
          output_tokens: truth[i]?.outputTokens,
          attempts: 1,
        })),
      )
      equal(shown.length, truth.length)
      match(
        await gateway('usage', '--json'),
        new RegExp(`"credits": ?${creditsText(trueCredits(truth)).replace('.', '\\.')}\\b`),
      )
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
