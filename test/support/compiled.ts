import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'

/**
 * Where V8 keeps what it has compiled, for processes that tests start: with it a gateway starts in half of the time.
 * `test/run.ts` has one folder for all files; a file that is run by itself has one of its own.
 */
export const COMPILED: Readonly<Record<string, string>> = {
  NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? ownFolder(),
}

function ownFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'codex-gateway-compiled-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
