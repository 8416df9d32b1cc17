/**
 * Runs the tests: all of them, or the files that are named. As `node --test` does it, but for how many
 * files run at a time, in which order, and with code that was compiled before.
 */
import { existsSync, globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

const ROOT = join(import.meta.dirname, '..')

/** For a single test. */
const TIMEOUT_MS = 300_000

/** The longest begin first: the last one to end would be alone at the end otherwise. */
const LONGEST = [
  'test/system/crash.test.ts',
  'test/codex/restart.test.ts',
  'test/codex/both-ways.test.ts',
  'test/contract/sqlite.test.ts',
  'test/codex/estimates.test.ts',
  'test/system/cli.test.ts',
  'test/system/websocket-memory.test.ts',
  'test/system/realtime-unasked.test.ts',
  'test/contract/sqlite-processes.test.ts',
]

/** Many files wait for most of their time. Node's own choice is one processor less than there are. */
const CONCURRENCY = availableParallelism()

/** What V8 has compiled, for every process and thread that loads it again: a gateway starts in half of the time. */
const NODE_COMPILE_CACHE = join(ROOT, 'node_modules', '.cache', 'test-code')

function allFiles(): string[] {
  const files = globSync('{src,test}/**/*.test.ts', { cwd: ROOT })
  const first = LONGEST.map((file) => join(...file.split('/')))
  const missing = first.filter((file) => !files.includes(file))
  if (missing.length > 0) throw new Error(`test/run.ts names tests that are not there: ${missing.join(', ')}`)
  return [...first, ...files.filter((file) => !first.includes(file)).toSorted()]
}

const named = process.argv.slice(2)
const missing = named.filter((file) => !existsSync(file))
if (missing.length > 0) {
  console.error(`no such test: ${missing.join(', ')}; name files, or nothing for all of them`)
  process.exit(2)
}

run({
  files: named.length > 0 ? named : allFiles().map((file) => join(ROOT, file)),
  concurrency: CONCURRENCY,
  timeout: TIMEOUT_MS,
  env: { ...process.env, NODE_COMPILE_CACHE },
})
  .on('test:summary', ({ success }) => {
    if (!success) process.exitCode = 1
  })
  .compose(spec)
  .pipe(process.stdout)
