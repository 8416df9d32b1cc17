import { equal, ok, rejects } from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { suite, test } from 'node:test'
import { pageWith } from '../../bench/page.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const PAGE = readFileSync(join(ROOT, 'bench', 'README.md'), 'utf8')

suite('the page of the benchmark', () => {
  test('is written as the formatter wants it', async () => {
    const page = await pageWith(PAGE, 'On a machine.\n\n| | ways |\n| --- | --- |\n| one that is long | +1 |\n')
    ok(page.includes('one that is long') && page.includes('On a machine.'))
    const oxfmt = join(dirname(createRequire(import.meta.url).resolve('oxfmt/package.json')), 'bin', 'oxfmt')
    const args = [oxfmt, '--stdin-filepath=bench/README.md']
    equal(execFileSync(process.execPath, args, { cwd: ROOT, input: page, encoding: 'utf8' }), page)
  })

  test('is left alone when it has lost its markers', async () => {
    await rejects(pageWith('# Benchmark\n', 'x'), /has lost its markers/)
    await rejects(pageWith(PAGE.replace('<!-- ledger: end -->', ''), 'x', 'ledger'), /has lost its markers/)
  })
})
