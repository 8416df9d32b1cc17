import { equal, match } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, suite, test } from 'node:test'

const ROOT = join(import.meta.dirname, '..', '..')

/** A file that must not be written like this, and the rule that says so. */
const PLANTED: readonly (readonly [file: string, source: string, rule: string])[] = [
  ['src/core/a.ts', "import { x } from '../ports.ts'\nexport const y: number = x\n", 'no-restricted-imports'],
  [
    'src/core/b.ts',
    "import { readFileSync } from 'node:fs'\nexport const y: unknown = readFileSync\n",
    'no-restricted-imports',
  ],
  ['src/core/c.ts', 'export const y: number = Date.now()\n', 'no-restricted-globals'],
  ['src/core/d.ts', 'export const y: number = Math.random()\n', 'no-restricted-properties'],
  ['src/gateway/a.ts', "import { x } from '../edge/http.ts'\nexport const y: number = x\n", 'no-restricted-imports'],
  [
    'src/gateway/b.ts',
    "import { x } from '../adapters/store/store.ts'\nexport const y: number = x\n",
    'no-restricted-imports',
  ],
  ['src/gateway/c.ts', "import { Agent } from 'undici'\nexport const y: unknown = Agent\n", 'no-restricted-imports'],
  [
    'src/gateway/e.ts',
    "import { Counter } from 'prom-client'\nexport const y: unknown = Counter\n",
    'no-restricted-imports',
  ],
  ['src/gateway/d.ts', "import { x } from '../admin/cli.ts'\nexport const y: number = x\n", 'no-restricted-imports'],
  ['src/edge/a.ts', "import { x } from '../admin/cli.ts'\nexport const y: number = x\n", 'no-restricted-imports'],
  [
    'src/edge/b.ts',
    "import { x } from '../adapters/log/lines.ts'\nexport const y: number = x\n",
    'no-restricted-imports',
  ],
  ['src/admin/a.ts', "import { x } from '../edge/http.ts'\nexport const y: number = x\n", 'no-restricted-imports'],
  ['src/admin/b.ts', "import { x } from '../gateway/relay.ts'\nexport const y: number = x\n", 'no-restricted-imports'],
  [
    'src/adapters/log/a.ts',
    "import { x } from '../store/store.ts'\nexport const y: number = x\n",
    'no-restricted-imports',
  ],
  [
    'src/adapters/store/a.ts',
    "import { x } from '../../gateway/relay.ts'\nexport const y: number = x\n",
    'no-restricted-imports',
  ],
  ['src/simulator/a.ts', "import { x } from '../core/units.ts'\nexport const y: number = x\n", 'no-restricted-imports'],
  ['src/ports.ts', "import { x } from './gateway/relay.ts'\nexport const y: number = x\n", 'no-restricted-imports'],
  [
    'src/ports-ledger.ts',
    "import { x } from './gateway/relay.ts'\nexport const y: number = x\n",
    'no-restricted-imports',
  ],
  ['src/config.ts', "import { x } from './gateway/relay.ts'\nexport const y: number = x\n", 'no-restricted-imports'],
  [
    'src/main.ts',
    "import { x } from './adapters/store/store.ts'\nexport const y: number = x\n",
    'no-restricted-imports',
  ],
  ['src/edge/c.ts', "export const y: string | undefined = process.env['HOME']\n", 'no-restricted-properties'],
  ['src/app.ts', 'process.exit(1)\n', 'no-restricted-properties'],
  ['src/edge/d.ts', 'export default 1\n', 'no-default-export'],
  ['src/edge/e.ts', 'export const y: any = 1\n', 'no-explicit-any'],
  ['src/edge/f.ts', 'export const y: string = (undefined as string | undefined)!\n', 'no-non-null-assertion'],
  [
    'src/edge/g.ts',
    'async function go(): Promise<void> {}\nexport function y(): void {\n  go()\n}\n',
    'no-floating-promises',
  ],
  ['src/edge/h.ts', `export const y: number[] = [\n${'  1,\n'.repeat(310)}]\n`, 'max-lines'],
  ['src/edge/i.ts', `export function y(): void {\n${'  void 0\n'.repeat(70)}}\n`, 'max-lines-per-function'],
  ['src/edge/j.ts', "import { k } from './k.ts'\nexport const j: number = k\n", 'no-cycle'],
  ['src/edge/k.ts', "import { j } from './j.ts'\nexport const k: number = j\n", 'no-cycle'],
]

/** Allowed: the linter must not be so strict that nothing passes. */
const RIGHT = "import { x } from '../ports.ts'\nimport { y } from '../core/units.ts'\nexport const z: number = x + y\n"

suite('folder rules', () => {
  let folder: string
  let findings: ReadonlyMap<string, string>

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'planted-'))
    for (const name of ['.oxlintrc.json', 'tsconfig.json']) cpSync(join(ROOT, name), join(folder, name))
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    for (const [file, source] of [...PLANTED, ['src/gateway/right.ts', RIGHT] as const]) {
      mkdirSync(dirname(join(folder, file)), { recursive: true })
      writeFileSync(join(folder, file), source)
    }
    findings = lint(folder)
  })

  after(() => rmSync(folder, { recursive: true, force: true }))

  for (const [file, source, rule] of PLANTED) {
    test(`${rule} finds ${file}: ${source.split('\n', 1)[0] ?? ''}`, () => {
      match(findings.get(file) ?? '(nothing found)', new RegExp(`\\b${rule}\\b`))
    })
  }

  test('what is allowed passes', () => {
    equal(findings.get('src/gateway/right.ts'), undefined)
  })
})

/** The rules found in each file. */
function lint(folder: string): ReadonlyMap<string, string> {
  const linter = join(folder, 'node_modules', '.bin', 'oxlint')
  const { stdout, stderr } = spawnSync(linter, ['--format', 'json', 'src'], { cwd: folder, encoding: 'utf8' })
  const report = JSON.parse(stdout || `{"error":${JSON.stringify(stderr)}}`) as {
    diagnostics: { code: string; filename: string }[]
  }
  const found = new Map<string, string>()
  for (const { code, filename } of report.diagnostics) found.set(filename, `${found.get(filename) ?? ''} ${code}`)
  return found
}
