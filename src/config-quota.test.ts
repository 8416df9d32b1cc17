import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { configFiles } from '../test/support/config-files.ts'
import type { Config } from './config.ts'

const files = configFiles()

function load(toml: string, env: Record<string, string> = {}): Config {
  return files.load(`[quota]\n${toml}`, env)
}

function problemOf(toml: string, env: Record<string, string> = {}): string {
  return files.problemsOf(`[quota]\n${toml}`, env).join('\n') || 'none'
}

suite('the configuration of quotas', () => {
  test('takes thresholds as a list, in the file and in the environment', () => {
    deepEqual(load('').quota.warnAt, [50, 80, 95])
    deepEqual(load('warn_at = [90, 10]').quota.warnAt, [10, 90])
    deepEqual(load('warn_at = []').quota.warnAt, [])
    deepEqual(load('', { CODEX_GATEWAY_QUOTA_WARN_AT: '60, 70' }).quota.warnAt, [60, 70])
    deepEqual(load('', { CODEX_GATEWAY_QUOTA_WARN_AT: '' }).quota.warnAt, [])
    for (const wrong of ['[0]', '[101]', '[50, 50]', '[1.5]', '["50"]', '50']) {
      match(problemOf(`warn_at = ${wrong}`), /a list of whole numbers from 1 to 100, none twice/, wrong)
    }
  })

  test('shows neither the webhook nor its secret', () => {
    const toml = 'webhook_url = "https://x.example/T0P?key=HIDDEN"\nwebhook_secret = "HIDDEN-0123456789"'
    const config = load(toml)
    equal(config.quota.webhookUrl, 'https://x.example/T0P?key=HIDDEN')
    const shown = config.origins.filter(({ key }) => key.startsWith('quota.webhook'))
    deepEqual(
      shown.map(({ value, source }) => [value, source]),
      [
        ['***', 'file'],
        ['***', 'file'],
      ],
    )
    const problem = problemOf('webhook_url = "ftp://HIDDEN"\nwebhook_secret = "HIDDEN"')
    match(
      problem,
      /webhook_url = a secret: must be empty, or an http.*\n.*webhook_secret = a secret: must be 16 to 256/,
    )
    ok(!problem.includes('HIDDEN'))
    ok(!problemOf('', { CODEX_GATEWAY_QUOTA_WEBHOOK_SECRET: 'HIDDEN' }).includes('HIDDEN'))
  })

  test('wants a webhook to be signed', () => {
    match(problemOf('webhook_url = "https://x.example/"'), /webhook_url.*no webhook_secret/)
    const secret = { CODEX_GATEWAY_QUOTA_WEBHOOK_SECRET: '0123456789abcdef' }
    equal(load('webhook_url = "https://x.example/"', secret).quota.webhookSecret, '0123456789abcdef')
    equal(problemOf('webhook_secret = "0123456789abcdef"'), 'none')
  })
})
