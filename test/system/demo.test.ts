import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startGateway } from '../../src/app.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { Folder } from '../support/cli-folder.ts'
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

/** A folder for temporary folders, in which the demo makes its own. */
class Ground implements AsyncDisposable {
  readonly folder = new Folder()
  readonly temporary = join(this.folder.path, 'tmp')

  constructor() {
    mkdirSync(this.temporary)
    this.folder.env['TMPDIR'] = this.temporary
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.folder[Symbol.asyncDispose]()
  }
}

suite('the demo', { concurrency: 2 }, () => {
  test('leaves no folder behind, whatever ends it and however early', async () => {
    await using ground = new Ground()
    const { folder, temporary } = ground
    for (const line of ['demo', 'demo --once']) {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
        const child = folder.start(line)
        try {
          const ended = once(child, 'close')
          await until(() => readdirSync(temporary).length > 0 || undefined)
          child.kill(signal)
          deepEqual(await ended, [line === 'demo' ? 0 : 1, null], `${line} ${signal}`)
          deepEqual(readdirSync(temporary), [], `${line} ${signal}`)
        } finally {
          child.kill('SIGKILL')
        }
      }
    }
  })

  test('takes no notice of settings in the environment, and says how to ask for its usage without them', async () => {
    await using ground = new Ground()
    const { folder } = ground
    const plain = await folder.ok('demo --once')
    match(plain, /^> .*\n.+\n\nalice: credits=0\.\d+ .* requests=1 /)
    const strangers = {
      CODEX_GATEWAY_DATABASE_URL: 'sqlite://x.db',
      CODEX_GATEWAY_FOO: '1',
      CODEX_GATEWAY_SECRET_KEY: 'zz',
    }
    Object.assign(folder.env, strangers)
    equal(await folder.ok('demo --once'), plain)
    const child = folder.start('demo')
    try {
      let said = ''
      child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
      await until(() => said.includes('Ctrl-C ends') || undefined)
      const unset = Object.keys(strangers).map((name) => `-u ${name} `)
      ok(said.includes(`  env ${unset.join('')}npx codex-gateway --config `), said)
      const ended = once(child, 'close')
      child.kill('SIGINT')
      await ended
    } finally {
      child.kill('SIGKILL')
    }
  })

  test('answers in one JSON document with --once --json', async () => {
    await using ground = new Ground()
    const [usage, ...others] = (await ground.folder.json('demo --once')) as unknown as Record<string, unknown>[]
    deepEqual([usage?.['name'], usage?.['requests'], others], ['alice', 1, []])
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
