import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { GATEWAY_KEY_BYTES, newGatewayKey } from '../../src/core/gateway-key.ts'
import { hashOf } from '../../src/gateway/authenticate.ts'
import { MODEL } from '../support/codex-version.ts'
import { startCodexStand, type CodexStand } from '../support/codex-stand.ts'

/** How often codex-cli asks before it believes a 401 or a 403, however those are worded. */
const TRIES_OF_AN_AUTH_ERROR = 6

// Most of it is Codex waiting between its tries.
suite('codex exec that is refused for who asks', { concurrency: true }, () => {
  test('shows that its key is disabled', async () => {
    await using line = await startCodexStand()
    await line.stand.admin(async ({ registry }) => {
      const [key] = await registry.gatewayKeys()
      await registry.setGatewayKey(key?.prefix ?? '', { enabled: false })
    })
    await line.stand.heard()
    await expectShown(line, /The gateway key sk-codex-gw-\S+… is disabled\. Ask your gateway admin for a new one\./)
  })

  test('shows that its key has expired, and when', async () => {
    const { secret, prefix } = newGatewayKey(Buffer.alloc(GATEWAY_KEY_BYTES, 5))
    await using line = await startCodexStand({ codex: { key: secret } })
    const expiresAt = Date.now() + 900
    const key = { member: 'alice', hash: hashOf(secret), prefix, expiresAt }
    await line.stand.admin(({ registry }) => registry.addGatewayKey(key))
    await line.stand.heard()
    await sleep(expiresAt - Date.now())
    const when = new Date(expiresAt).toISOString()
    await expectShown(line, new RegExp(`expired at ${when}\\. Ask your gateway admin for a new one\\.`))
  })

  test('shows that its member is disabled', async () => {
    await using line = await startCodexStand()
    await line.stand.admin(({ registry }) => registry.setMember('alice', { enabled: false }))
    await line.stand.heard()
    await expectShown(line, /The member alice is disabled\. Ask your gateway admin\./)
  })

  test('shows that its key is unknown', async () => {
    const { secret } = newGatewayKey(Buffer.alloc(GATEWAY_KEY_BYTES, 7))
    await using line = await startCodexStand({ codex: { key: secret } })
    await expectShown(line, /This gateway key is unknown\. Ask your gateway admin for a new one\./)
  })
})

suite('codex exec that is refused for what it asks', () => {
  test('shows that the model is not allowed to the member, after one request', async () => {
    await using line = await startCodexStand({ member: { models: ['gpt-5.3-codex', 'gpt-6.1-sol'] } })
    const sentence = `ERROR: The model ${MODEL} is not allowed to you. You may use gpt-5.3-codex, gpt-6.1-sol; ask your gateway admin for more.`
    await expectRefused(line, sentence, 'model_not_allowed')
  })

  test('is served where the model is among those of the member', async () => {
    await using line = await startCodexStand({ member: { models: ['gpt-5.3-codex', MODEL] } })
    const result = await line.codex.exec(['Hello.'])
    equal(result.code, 0, result.stderr)
    equal(line.requests().length, 1)
  })

  test('shows that no upstream key serves the model, after one request', async () => {
    await using line = await startCodexStand({ upstreams: [{ name: 'alpha', models: ['gpt-5.3-codex'] }] })
    const sentence = `ERROR: None of the gateway’s upstream keys serves the model ${MODEL}. Ask your gateway admin to add one.`
    await expectRefused(line, sentence, 'model_not_found')
  })

  test('shows that no upstream key is enabled, after one request', async () => {
    await using line = await startCodexStand()
    await line.stand.admin(({ registry }) => registry.setUpstream('alpha', { enabled: false }))
    await line.stand.heard()
    const sentence =
      'ERROR: The gateway has no upstream key for HTTP that is enabled. Ask your gateway admin to add one.'
    await expectRefused(line, sentence, 'model_not_found')
  })
})

/** Codex shows the sentence alone after one request, and the refusal stands in the ledger at no cost. */
async function expectRefused(line: CodexStand, sentence: string, refusal: string): Promise<void> {
  const result = await line.codex.exec(['Hello.'])
  ok(result.code !== 0)
  deepEqual(new Set(result.stderr.split('\n').filter((text) => text.startsWith('ERROR:'))), new Set([sentence]))
  equal(line.requests().length, 1)
  equal(line.stand.simulator.requests().length, 0)
  deepEqual(
    (await line.stand.settled()).map((row) => [row.ending, row.refusal, row.credits]),
    [['refused', refusal, 0n]],
  )
}

/** Codex shows the sentence, and nothing went upstream or into a bill. */
async function expectShown(line: CodexStand, sentence: RegExp): Promise<void> {
  const result = await line.codex.exec(['Hello.'])
  ok(result.code !== 0)
  match(result.stderr, sentence)
  equal(line.requests().length, TRIES_OF_AN_AUTH_ERROR)
  equal(line.stand.simulator.requests().length, 0)
  deepEqual(await line.stand.usage(), [])
}
