import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { freePort } from '../../bench/free-port.ts'
import { Folder, MAIN } from '../support/cli-folder.ts'
import { COMPILED } from '../support/compiled.ts'
import { serve, type Served } from '../support/serve.ts'
import { startGround, until, type Ground } from '../support/stand.ts'

const FULL = '/dev/full'
const noFull = !existsSync(FULL) && 'needs /dev/full'

/** Calls whose first try ends in a line of the log, then a stop. */
async function callsGoOn(ground: Ground, served: Served): Promise<void> {
  ground.simulator.script({ key: 'alpha', times: null, status: 401, body: { error: { code: 'invalid_api_key' } } })
  for (let i = 0; i < 4; i++) {
    const response = await fetch(`${served.url}/v1/responses`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ground.key}`, 'user-agent': 'codex', 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-5.5', input: 'Hello' }),
    })
    equal(response.status, 200, await response.text())
  }
  served.signal('SIGTERM')
  equal(await served.ended, 0)
}

suite('a gateway whose log cannot be written', () => {
  const upstreams = [{ name: 'alpha' }, { name: 'beta' }]

  test('goes on with its calls when the reader of the log has gone', async () => {
    await using ground = await startGround({ upstreams })
    await using served = await serve(ground.configFile)
    served.deafen()
    await callsGoOn(ground, served)
  })

  test('goes on with its calls when the disk of the log is full', { skip: noFull }, async () => {
    await using ground = await startGround({ upstreams })
    const log = openSync(FULL, 'w')
    try {
      await using served = await serve(ground.configFile, { stderr: log })
      await callsGoOn(ground, served)
    } finally {
      closeSync(log)
    }
  })
})

suite('an answer that cannot be written', { concurrency: 2, skip: noFull }, () => {
  test('is a failure, told in one line', async () => {
    await using folder = new Folder()
    await folder.ok('admin init')
    await folder.ok('admin add-member alice')
    for (const line of ['admin add-codex-key alice', 'admin sample-config', 'admin --help', 'demo --once']) {
      const { code, err } = await folder.redirected(line, `> ${FULL}`)
      deepEqual([code, err], [1, 'error: cannot write the answer: no space left on device\n'], line)
    }
    equal((await folder.redirected('admin frobnicate', `> ${FULL}`)).code, 2)
  })

  test('is a failure also where a part of it fits', async () => {
    await using folder = new Folder()
    const { code, err } = await folder.redirected('admin sample-config', '> cut.toml', 'ulimit -f 4')
    deepEqual([code, err], [1, 'error: cannot write the answer: file too large\n'])
    ok(statSync(join(folder.path, 'cut.toml')).size > 0)
  })

  test('does not keep the gateway from serving, which tells it at the end', async () => {
    const port = await freePort()
    await using ground = await startGround()
    const full = openSync(FULL, 'w')
    const child = spawn(process.execPath, [MAIN, 'serve', '--config', ground.configFile], {
      stdio: ['ignore', full, 'pipe'],
      env: { ...COMPILED, CODEX_GATEWAY_SERVER_BIND_ADDR: `127.0.0.1:${port}` },
    })
    try {
      let err = ''
      child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()))
      const url = `http://127.0.0.1:${port}/healthz`
      await until(async () => (await fetch(url).catch(() => undefined))?.ok)
      const ended = once(child, 'close')
      child.kill('SIGTERM')
      deepEqual(await ended, [1, null])
      match(err, / info stopping[^]*\nerror: cannot write the answer: no space left on device\n$/)
      ok(!err.includes('    at '), err)
    } finally {
      child.kill('SIGKILL')
      closeSync(full)
    }
  })
})
