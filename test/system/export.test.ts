import { equal, ok } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeTraffic, SEALING_KEY } from '../../bench/ledger-traffic.ts'
import { MAIN } from '../support/cli-folder.ts'

const ROWS = 300_000
/** What the command takes for a few calls is about 110. */
const MOST_MB = 220

suite('an export', () => {
  test('of 300,000 calls to a slow reader takes no more memory than one of a few', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'codex-gateway-export-'))
    try {
      const path = join(folder, 'gateway.db')
      await makeTraffic(path, { rows: ROWS, days: 30, members: 5, upstreams: 2 }, Date.now(), () => {})
      writeFileSync(join(folder, 'g.toml'), `[database]\nurl = "sqlite://${path}"\n`)
      const env = { ...process.env, CODEX_GATEWAY_SECRET_KEY: Buffer.from(SEALING_KEY).toString('hex') }
      // With everything in memory this heap would be full long before the end.
      const args = ['--max-old-space-size=96', MAIN, '-c', join(folder, 'g.toml'), 'admin', 'export']
      const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
      let [bytes, lines, err] = [0, 0, '']
      child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
      const closed = once(child, 'close')
      await sleep(3_000)
      const [waiting, peaks] = [memoryOf(child.pid), [] as number[]]
      child.stdout.on('data', (chunk: Buffer) => {
        if (lines % 100 === 0) peaks.push(memoryOf(child.pid))
        bytes += chunk.length
        for (const byte of chunk) if (byte === 10) lines += 1
      })
      await closed
      equal(child.exitCode, 0, err)
      equal(lines, ROWS)
      ok(bytes > 150e6, `${bytes}`)
      ok(waiting > 0 && Math.max(waiting, ...peaks) < MOST_MB, `${waiting} MB, then ${Math.max(...peaks)} MB`)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

/** The most that a process has had in memory, in MB; 0 once it has gone. */
function memoryOf(pid: number | undefined): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
  } catch {
    return 0 // It ended between two chunks.
  }
}
