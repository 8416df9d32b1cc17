import { spawnSync } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'

/** What a table must say of where its figures come from, as Markdown lines. */
export function provenance(nginx?: string): string {
  const processors = cpus()
  return [
    `- Processor: ${processors[0]?.model.trim() ?? 'unknown'}, ${processors.length} cores; ${digits(totalmem() / 1e9)} GB of memory`,
    `- Kernel: Linux ${release()}`,
    `- Node ${process.versions.node}${nginx === undefined ? '' : `, ${nginx}`}`,
    `- Date: ${new Date().toISOString().slice(0, 10)}`,
    `- Commit: ${commit()}`,
  ].join('\n')
}

function digits(value: number): string {
  return value.toFixed(1)
}

/** The commit, and whether the sources differ from it. */
function commit(): string {
  const git = (args: readonly string[]): string => {
    const { status, stdout } = spawnSync('git', args, { encoding: 'utf8', cwd: import.meta.dirname })
    return status === 0 ? stdout.trim() : ''
  }
  const hash = git(['rev-parse', '--short=10', 'HEAD'])
  if (hash === '') return 'unknown'
  return git(['status', '--porcelain', '--', '.', '../src']) === '' ? hash : `${hash}, with changes`
}
