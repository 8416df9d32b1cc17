import { deepEqual, equal, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { configFiles } from '../test/support/config-files.ts'
import { loadConfig } from './config.ts'
import { sampleConfig, settingsTable } from './config-sample.ts'
import { settings } from './config-schema.ts'

const { load, problemsOf } = configFiles()

suite('the configuration', () => {
  test('has the defaults that are promised, without any file', () => {
    const config = loadConfig({ path: undefined, env: {} })
    equal(config.server.bindAddr, '127.0.0.1:8080')
    equal(config.server.port, 8080)
    equal(config.database.path, 'codex-gateway.db')
    equal(config.secrets.keyFile, 'codex-gateway.db.key')
    deepEqual(config.credit.unknownModelRate, {
      input: 43_750n,
      cached: 4_375n,
      output: 350_000n,
      minute: 425_000_000n,
    })
    equal(config.credit.tierTenths.get('priority'), 20n)
    equal(config.limits.wsIdleTimeoutSecs, 3300)
    equal(config.limits.defaultMember5hQuota, 0n)
    equal(config.proxy, undefined)
  })

  test('has a sample that parses back to the defaults and names every key', () => {
    const sample = load(sampleConfig())
    const usual = loadConfig({ path: undefined, env: {} })
    deepEqual({ ...sample, origins: [], file: undefined }, { ...usual, origins: [] })
    ok(sample.origins.every(({ source }) => source === 'file'))
  })

  test('is documented as it is', () => {
    const plain = (text: string) => text.replaceAll(/ *\| */g, '|').replaceAll(/-{3,}/g, '---')
    const page = plain(readFileSync(new URL('../docs/configuration.md', import.meta.url), 'utf8'))
    ok(page.includes(plain(settingsTable())), 'run node scripts/write-settings-table.mjs, then npm run format')
  })

  test('reaches upstream over WebSocket where it reaches it over HTTP, unless told otherwise', () => {
    equal(load('').upstream.wsBaseUrl, 'wss://api.openai.com')
    equal(load('[upstream]\nhttp_base_url = "http://127.0.0.1:9090"').upstream.wsBaseUrl, 'ws://127.0.0.1:9090')
    const both = '[upstream]\nhttp_base_url = "https://a.example"\nws_base_url = "wss://b.example"'
    equal(load(both).upstream.wsBaseUrl, 'wss://b.example')
  })

  test('takes every key of the original gateway', () => {
    const config = load(`
[server]
bind_addr = "0.0.0.0:9000"
[database]
url = "sqlite:///var/lib/gw.db"
[upstream]
http_base_url = "https://example.com/proxy"
ws_base_url = "wss://example.com"
timeout_secs = 100
retry_attempts = 1
cooldown_secs = 30
max_failures_before_cooldown = 5
[credit]
accounting = "message_average"
unknown_model_message_credits = 4.5
unknown_usage_credits = 0.000000001
[limits]
default_member_concurrency = 1
default_member_5h_quota = 12.5
default_member_weekly_quota = 100
default_upstream_concurrency = 2
ws_idle_timeout_secs = 120
ws_upstream_ping_interval_secs = 20
ws_max_connection_secs = 3600
ws_max_messages_per_connection = 5000
`)
    equal(config.database.path, '/var/lib/gw.db')
    equal(config.credit.unknownUsageCredits, 1n)
    equal(config.limits.defaultMember5hQuota, 12_500_000_000n)
    equal(config.server.host, '0.0.0.0')
  })

  test('never fails otherwise than by saying what is wrong', () => {
    const keys = settings().map(({ section, key }) => `[${section}]\n${key}`)
    const values = fc.oneof(
      fc.double().map(String),
      fc.string().map((text) => JSON.stringify(text)),
      fc.boolean().map(String),
      fc.constant('[]'),
      fc.constant('{ a = 1 }'),
    )
    fc.assert(
      fc.property(fc.constantFrom(...keys), values, (key, value) => {
        ok(problemsOf(`${key} = ${value}\n`).every((problem) => problem.length > 10))
      }),
      { numRuns: 200 },
    )
  })
})
