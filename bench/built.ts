import { spawnSync } from 'node:child_process'
import { cpSync, copyFileSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')

/**
 * Builds the gateway into the folder as its package carries it: what is installed runs JavaScript, which saves the
 * memory that Node's own type stripping takes in every thread. Throws with the compiler's words.
 */
export function buildGateway(folder: string): void {
  mkdirSync(folder, { recursive: true })
  const compiler = join(ROOT, 'node_modules', '.bin', 'tsc')
  const args = ['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', join(folder, 'dist')]
  const { status, stdout, stderr } = spawnSync(compiler, args, { cwd: ROOT, encoding: 'utf8' })
  if (status !== 0) throw new Error(`the gateway cannot be built:\n${stdout ?? ''}${stderr ?? ''}`)
  copyFileSync(join(ROOT, 'package.json'), join(folder, 'package.json'))
  cpSync(join(ROOT, 'bin'), join(folder, 'bin'), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
}
