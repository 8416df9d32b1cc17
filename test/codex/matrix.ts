/**
 * Runs the tests of this folder on one version of the real Codex CLI after the other, and ends with a table.
 *
 * `npm run test:codex -- 0.118.0 0.169.0`; without versions it runs the default one. The exit code is 1 when anything
 * failed, 2 on wrong use.
 */
import { globSync } from 'node:fs'
import { basename, join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { installedCodex } from '../support/codex.ts'
import { CODEX_VERSION } from '../support/codex-version.ts'

const FILES = globSync(join(import.meta.dirname, '*.test.ts')).toSorted()
const TIMEOUT_MS = 300_000

/** What became of one file: of so many tests so many passed. */
interface Outcome {
  readonly tests: number
  readonly passed: number
  readonly good: boolean
}

type Outcomes = ReadonlyMap<string, Outcome>

async function runWith(version: string): Promise<Outcomes> {
  console.log(`\ncodex-cli ${version}\n`)
  await installedCodex(version)
  process.env['CODEX_VERSION'] = version
  const outcomes = new Map<string, Outcome>()
  const running = run({ files: FILES, concurrency: true, timeout: TIMEOUT_MS })
  running.on('test:summary', ({ file, counts: { tests, passed }, success }) => {
    if (file !== undefined) outcomes.set(basename(file), { tests, passed, good: success && tests === passed })
  })
  // A file in which no test is registered, or that ends other than well, is a test itself.
  const whole = (name: string, file: string | undefined, good: boolean): void => {
    if (name === file) outcomes.set(basename(file), { tests: 0, passed: 0, good })
  }
  running.on('test:pass', ({ name, file }) => whole(name, file, true))
  running.on('test:fail', ({ name, file }) => whole(name, file, false))
  for await (const text of running.compose(new spec())) process.stdout.write(String(text))
  return outcomes
}

/** What is shown of a file. */
function cell(outcome: Outcome | undefined): string {
  if (outcome === undefined) return 'FAILED'
  const { tests, passed, good } = outcome
  if (!good) return `FAILED (${passed} of ${tests} passed)`
  return tests === 0 ? '–' : `${passed} passed`
}

/** Files down, versions across, as Markdown. */
function tableOf(results: ReadonlyMap<string, Outcomes>): string {
  const rows = FILES.map((file) => {
    const name = basename(file)
    return [name.replace('.test.ts', ''), ...[...results.values()].map((outcomes) => cell(outcomes.get(name)))]
  })
  const head = ['', ...results.keys()]
  return [head, head.map(() => '---'), ...rows].map((columns) => `| ${columns.join(' | ')} |`).join('\n')
}

const versions = process.argv.slice(2)
const wrong = versions.find((version) => !/^\d+\.\d+\.\d+$/.test(version))
if (wrong !== undefined) {
  console.error(`${wrong} is no version of Codex. Use: npm run test:codex -- [VERSION…], such as 0.118.0 0.169.0`)
  process.exitCode = 2
} else {
  const results = new Map<string, Outcomes>()
  for (const version of versions.length > 0 ? versions : [CODEX_VERSION]) results.set(version, await runWith(version))
  console.log(`\n${tableOf(results)}\n`)
  const good = [...results.values()].every((outcomes) => FILES.every((file) => outcomes.get(basename(file))?.good))
  process.exitCode = good ? 0 : 1
}
