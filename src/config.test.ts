import { deepEqual, equal, match, ok, throws } from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import fc from 'fast-check'
import { ConfigError, loadConfig } from './config.ts'
import { sampleConfig, settingsTable } from './config-sample.ts'
import { settings } from './config-schema.ts'

const folder = mkdtempSync(join(tmpdir(), 'codex-gateway-config-'))
after(() => rmSync(folder, { recursive: true }))

let files = 0
function fileOf(toml: string): string {
  const path = join(folder, `${++files}.toml`)
  writeFileSync(path, toml)
  return path
}

function load(toml: string, env: Record<string, string> = {}) {
  return loadConfig({ path: fileOf(toml), env })
}

/** The problems, without the folder. */
function problemsOf(toml: string, env: Record<string, string> = {}): readonly string[] {
  try {
    load(toml, env)
  } catch (error) {
    ok(error instanceof ConfigError)
    equal(error.message, error.problems.join('\n'))
    return error.problems.map((problem) => problem.replace(/^.*?\/\d+\.toml/, 'x.toml'))
  }
  return []
}

suite('the configuration', () => {
  test('has the defaults that are promised, without any file', () => {
    const config = loadConfig({ path: undefined, env: {} })
    equal(config.server.bindAddr, '127.0.0.1:8080')
    equal(config.server.port, 8080)
    equal(config.database.path, 'codex-gateway.db')
    equal(config.secrets.keyFile, 'codex-gateway.db.key')
    deepEqual(config.credit.unknownModelRate, { input: 43_750n, cached: 4_375n, output: 350_000n })
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

  test('tells unknown keys with their line and what was meant', () => {
    deepEqual(problemsOf('# a comment\n[server]\nbind_adr = "x"\n'), [
      'x.toml:3: [server] has no key bind_adr; did you mean bind_addr?',
    ])
    deepEqual(problemsOf('[limits]\nbind_addr = "x"\n'), [
      'x.toml:2: [limits] has no key bind_addr: it belongs under [server]',
    ])
    deepEqual(problemsOf('[servr]\n\n[log]\n'), ['x.toml:1: [servr] is no section; did you mean [server]?'])
    deepEqual(problemsOf('queue_secs = 3\n'), [
      'x.toml:1: queue_secs stands outside of its section: it belongs under [limits]',
    ])
    match(problemsOf('[log]\nzzzzzzzzzzzz = 1\n')[0] ?? '', /its keys are level, format/)
    match(
      problemsOf('[log]\n"__proto__" = 1\n')[0] ?? '',
      /^x\.toml:2: not valid TOML: document contains an unsafe property/,
    )
  })

  test('tells all that is wrong at once, in the order of the file', () => {
    const problems = problemsOf(`[server]
drain_secs = "x"
[limits]
queue_secs = [
  1,
  2
]
default_upstream_concurrency = 1.5
[quota]
contact = "Ask me."
[credit.tiers]
priority = "much"
`)
    deepEqual(
      problems.map((problem) => problem.slice(0, problem.indexOf(': must'))),
      [
        'x.toml:2: [server] drain_secs = "x"',
        'x.toml:4: [limits] queue_secs = [1,2]',
        'x.toml:8: [limits] default_upstream_concurrency = 1.5',
        'x.toml:10: [quota] contact = "Ask me."',
        'x.toml:12: [credit] tiers."priority" = "much"',
      ],
    )
  })

  test('finds lines below headers, in dotted keys, inline tables and values over several lines', () => {
    const toml = `log.level = "x"
[credit] # a comment
tiers = {
  priority = "a",
  # another
}

["limits"]

"queue_secs" = """
[server]
"""
codex_queue_secs = "x"

[[server]]
`
    deepEqual(
      problemsOf(toml).map((problem) => problem.slice(0, problem.indexOf(' = '))),
      [
        'x.toml:1: [log] level',
        'x.toml:3: [credit] tiers."priority"',
        'x.toml:10: [limits] queue_secs',
        'x.toml:13: [limits] codex_queue_secs',
        'x.toml:15: server',
      ],
    )
  })

  test('is judged in time that grows with its length', () => {
    const many = Array.from({ length: 3000 }, (_, at) => `k${at} = 1`).join('\n')
    const begin = performance.now()
    equal(problemsOf(many).length, 3000)
    ok(performance.now() - begin < 10_000)
  })

  test('tells a file that is no TOML with its line', () => {
    match(problemsOf('[server]\nbind_addr = "x\n')[0] ?? '', /^x\.toml:2: not valid TOML: /)
    match(problemsOf('[log]\n[log]\n')[0] ?? '', /^x\.toml:2: not valid TOML: /)
    match(problemsOf('server = 3\n')[0] ?? '', /^x\.toml:1: server = 3: must be a section, \[server\]/)
  })

  test('tells a file that cannot be read', () => {
    throws(() => loadConfig({ path: join(folder, 'none.toml'), env: {} }), /none\.toml: there is no such file/)
    throws(() => loadConfig({ path: folder, env: {} }), /it is a folder/)
    throws(() => loadConfig({ path: undefined, env: { CODEX_GATEWAY_CONFIG: join(folder, 'no') } }), /no such file/)
  })

  test('refuses values out of range, and says what would be right', () => {
    const wrong: readonly [string, RegExp][] = [
      ['[server]\nbind_addr = "8080"', /"127\.0\.0\.1:8080"/],
      ['[server]\nbind_addr = "::1:8080"', /"\[::1\]:8080"/],
      ['[server]\nbind_addr = "127.0.0.1:65536"', /an address with a port/],
      ['[database]\nurl = "postgres://localhost/x"', /a SQLite URL/],
      ['[database]\nurl = "sqlite://"', /a SQLite URL/],
      ['[database]\ndurability = "full"', /one of "process", "power"/],
      ['[upstream]\nhttp_base_url = "api.openai.com"', /an http:\/\/ or https:\/\/ URL/],
      ['[upstream]\nhttp_base_url = "https://api.openai.com/v1"', /without .* a final \/v1/],
      ['[upstream]\nws_base_url = "https://api.openai.com"', /a ws:\/\/ or wss:\/\/ URL/],
      ['[upstream]\ntimeout_secs = 0', /from 0\.001/],
      ['[upstream]\ncooldown_secs = inf', /a number of seconds/],
      ['[upstream]\ncooldown_secs = nan', /a number of seconds/],
      ['[credit]\nunknown_model_input = 0.0001', /at most 3 decimals/],
      ['[credit]\nunknown_usage_credits = -1', /0 or more/],
      ['[credit]\nunknown_usage_credits = 1e300', /credits/],
      ['[credit]\ntiers = { flex = 0.55 }', /at most one decimal/],
      ['[limits]\nqueue_secs = 3000000', /2000000/],
      ['[quota]\ncontact = "a\\nb"', /one line/],
      ['[quota]\ncontact = ""', /short sentence/],
      ['[limits]\nmax_buffered_bytes = 1048576', /max_buffered_bytes = 1048576: must be at least max_body_bytes/],
    ]
    for (const [toml, right] of wrong) match(problemsOf(toml).join('\n'), right, toml)
  })

  test('reads addresses of every kind', () => {
    const addressOf = (bind: string) => {
      const { host, port } = load(`[server]\nbind_addr = "${bind}"`).server
      return [host, port]
    }
    deepEqual(addressOf('[::1]:0'), ['::1', 0])
    deepEqual(addressOf('localhost:80'), ['localhost', 80])
    deepEqual(addressOf('[fe80::1%eth0]:80'), ['fe80::1%eth0', 80])
  })

  test('is overridden by the environment, setting by setting', () => {
    const config = load('[limits]\nqueue_secs = "wrong, but hidden"\n', {
      CODEX_GATEWAY_LIMITS_QUEUE_SECS: '1.5',
      CODEX_GATEWAY_SERVER_BIND_ADDR: '[::1]:1',
      CODEX_GATEWAY_CREDIT_TIERS: 'priority=3,gpt-9/fast=0.5',
      CODEX_GATEWAY_SECRET_KEY: 'ab'.repeat(32), // Is no setting.
    })
    equal(config.limits.queueSecs, 1.5)
    equal(config.server.host, '::1')
    equal(config.credit.tierTenths.get('priority'), 30n)
    equal(config.credit.tierTenths.get('gpt-9/fast'), 5n)
    equal(config.credit.tierTenths.get('flex'), 5n)
    equal(config.origins.find(({ key }) => key === 'limits.queue_secs')?.source, 'environment')
  })

  test('takes every setting from its variable', () => {
    for (const { section, key, usual } of settings()) {
      const name = `CODEX_GATEWAY_${section}_${key}`.toUpperCase()
      const table = key === 'rates' ? 'gpt-9=1/2/3' : 'priority=2'
      const value = typeof usual === 'object' ? table : JSON.stringify(usual).replaceAll('"', '')
      const { origins } = loadConfig({ path: undefined, env: { [name]: Array.isArray(usual) ? '5,6' : value } })
      deepEqual(
        origins.filter(({ source }) => source === 'environment').map((origin) => origin.key),
        [`${section}.${key}`],
      )
    }
  })

  test('tells wrong variables by their names', () => {
    deepEqual(problemsOf('', { CODEX_GATEWAY_SERVER_BIND_ADR: 'x', CODEX_GATEWAY_LIMITS_QUEUE_SECS: '1s' }), [
      'environment variable CODEX_GATEWAY_SERVER_BIND_ADR: there is no such setting; did you mean CODEX_GATEWAY_SERVER_BIND_ADDR?',
      'environment variable CODEX_GATEWAY_LIMITS_QUEUE_SECS = "1s": must be a number of seconds from 0 to 2000000, such as 10',
    ])
  })

  test('takes the proxy from its setting, else from the environment, and shows no password', () => {
    const env = { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'a.example' }
    deepEqual(load('', env).proxy, { httpProxy: undefined, httpsProxy: 'http://p:1', noProxy: 'a.example' })
    const own = load('[upstream]\nproxy = "http://me:hidden@q:2"', env)
    equal(own.proxy?.httpsProxy, 'http://me:hidden@q:2')
    ok(!JSON.stringify(own.origins).includes('hidden'))
    ok(!problemsOf('[upstream]\nproxy = "http://me:hidden@q:2/?x"').join('').includes('hidden'))
    ok(!problemsOf('[upstream]\nproxy = "http://me:a/hidden@q:2/?x"').join('').includes('hidden'))
    ok(!problemsOf('[database]\nurl = "postgres://me:hidden@db/x"').join('').includes('hidden'))
  })

  test('reads certificates, and tells a file that has none', () => {
    const pem = readFileSync(new URL('../test/support/tls/ca.pem', import.meta.url), 'utf8')
    equal(load(`[upstream]\nca_file = ${JSON.stringify(fileOf(pem))}`).ca, pem)
    match(problemsOf(`[upstream]\nca_file = ${JSON.stringify(fileOf('x'))}`)[0] ?? '', /a file of PEM .*: it has none/)
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
