import { deepEqual, equal } from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { wideModes } from './private-files.ts'

suite('private files', () => {
  test('warn of a wide mode, but not on Windows, where there are none', () => {
    const folder = mkdtempSync(join(tmpdir(), 'codex-gateway-private-'))
    const platform = Object.getOwnPropertyDescriptor(process, 'platform') ?? {}
    try {
      const file = join(folder, 'a.db')
      writeFileSync(file, '', { mode: 0o644 })
      equal(wideModes([file, join(folder, 'none')]).length, 1)
      Object.defineProperty(process, 'platform', { ...platform, value: 'win32' })
      deepEqual(wideModes([file]), [])
    } finally {
      Object.defineProperty(process, 'platform', platform)
      rmSync(folder, { recursive: true })
    }
  })
})
