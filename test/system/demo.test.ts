import { deepEqual, equal, rejects } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startGateway } from '../../src/app.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { startGround, until } from '../support/stand.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

suite('Ctrl-C', () => {
  test('ends the demo cleanly, also when it is heard from the terminal and from the launcher', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'codex-gateway-ctrl-c-'))
    try {
      const env = { ...process.env, TMPDIR: folder }
      const child = spawn(process.execPath, [MAIN, 'demo'], { env, stdio: ['ignore', 'pipe', 'inherit'] })
      let said = ''
      child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
      await until(() => said.includes('Ctrl-C ends the demo') || undefined)
      equal(readdirSync(folder).length, 1)
      const exited = once(child, 'exit')
      for (let i = 0; i < 20 && child.exitCode === null; i++) {
        child.kill('SIGINT')
        await sleep(2)
      }
      deepEqual(await exited, [0, null])
      deepEqual(readdirSync(folder), [])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

suite('an address that cannot be had', () => {
  test('is named with its setting and the reason', async () => {
    await using taken = await startSimulator()
    await using ground = await startGround({ toml: '' })
    const config = { ...ground.config, server: { ...ground.config.server, port: taken.port } }
    const log = { debug() {}, info() {}, warn() {}, error() {} }
    await rejects(
      startGateway(config, log),
      /cannot listen on 127\.0\.0\.1:\d+ \(\[server\] bind_addr\): something else/,
    )
  })
})
