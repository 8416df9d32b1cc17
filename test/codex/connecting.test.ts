import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { DOCTOR_PATH, HAS_DOCTOR, REFUSED_UPGRADES } from '../support/codex-version.ts'
import { startCodexStand, type CodexStand } from '../support/codex-stand.ts'
import { expectTruth } from '../support/truth.ts'

const HTTP_ONLY = '[routes]\nwebsocket = false\n'

suite('codex with a gateway that speaks HTTP only', () => {
  test('goes on over HTTP once its upgrade is refused, for the whole session and without a word to its user', async () => {
    await using line = await startCodexStand({
      simulator: { agent: 'shell-and-edit' },
      toml: HTTP_ONLY,
      codex: { webSocket: true },
    })
    const result = await line.codex.exec(['Write the note.'])
    equal(result.code, 0, result.stderr)
    ok(!/Reconnecting|Falling back/i.test(result.stderr), result.stderr)
    deepEqual(asked(line), [
      ...Array(REFUSED_UPGRADES).fill('GET /v1/responses'),
      ...Array(3).fill('POST /v1/responses'),
    ])
    const rows = await line.stand.settled()
    equal(rows.length, 3)
    expectTruth(rows, line.stand.simulator.truth())
  })
})

const doctor = (): void => {
  test('finds nothing wrong with the gateway', async () => {
    await using line = await startCodexStand()
    const report = await line.codex.command(['doctor'])
    match(report.stdout, /✓ auth +auth is provided by the active model provider/)
    match(report.stdout, /✓ reachability active provider endpoints are reachable over HTTP/)
    match(report.stdout, /route exists \(HTTP 401\)/)
    deepEqual(asked(line).toSorted(compared), ['GET /v1/models', `HEAD ${DOCTOR_PATH}`])
    deepEqual(await line.stand.calls(), [])
  })

  test('finds that WebSockets do not work while HTTPS does', async () => {
    await using line = await startCodexStand({ toml: HTTP_ONLY, codex: { webSocket: true } })
    const report = await line.codex.command(['doctor'])
    match(report.stdout, /⚠ websocket +Responses WebSocket failed; HTTPS fallback may still work/)
    match(report.stdout, /http 426 Upgrade Required/)
    match(report.stdout, /✓ reachability active provider endpoints are reachable over HTTP/)
    deepEqual(asked(line).toSorted(compared), ['GET /v1/models', 'GET /v1/responses', `HEAD ${DOCTOR_PATH}`])
  })

  test('finds that WebSockets work', async () => {
    await using line = await startCodexStand({
      toml: '[routes]\nwebsocket = true\n',
      codex: { webSocket: true },
    })
    const report = await line.codex.command(['doctor'])
    match(report.stdout, /✓ websocket/)
    deepEqual(await line.stand.calls(), [])
  })
}
if (HAS_DOCTOR) suite('codex doctor', doctor)

function asked(line: CodexStand): string[] {
  return line.requests().map((request) => `${request.method} ${request.path}`)
}

function compared(a: string, b: string): number {
  return a < b ? -1 : 1
}
