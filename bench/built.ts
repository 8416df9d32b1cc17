import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')

/**
 * Builds the gateway as its package carries it and returns its main module: what is installed runs JavaScript, and
 * saves the memory that Node's own type stripping takes in every thread. Throws with the compiler's words.
 */
export function buildGateway(folder: string): string {
  mkdirSync(folder, { recursive: true })
  const compiler = join(ROOT, 'node_modules', '.bin', 'tsc')
  const args = ['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', join(folder, 'dist')]
  const { status, stdout, stderr } = spawnSync(compiler, args, { cwd: ROOT, encoding: 'utf8' })
  if (status !== 0) throw new Error(`the gateway cannot be built:\n${stdout ?? ''}${stderr ?? ''}`)
  copyFileSync(join(ROOT, 'package.json'), join(folder, 'package.json'))
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  return join(folder, 'dist', 'main.js')
}
