import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { configFiles } from '../test/support/config-files.ts'

const { folder, load, problemsOf } = configFiles()

/** What stands before "must be", and what after it. */
function told(problem: string | undefined): readonly string[] {
  return problem?.split(': must be ') ?? []
}

suite('the configuration is strict', () => {
  test('about lines: it counts them in a file with line ends of Windows too', () => {
    deepEqual(
      problemsOf('# one\r\n[limits]\r\n\r\nqueue_secs = "x"\r\nzzz = [\r\n1]\r\n').map((line) => line.split(' ')[0]),
      ['x.toml:4:', 'x.toml:5:'],
    )
  })

  test('about money: it refuses more decimals than it keeps, also where they would round to unlimited', () => {
    for (const quota of ['0.0000000004', '4e-10', '1.5e-9', '0.00000000049', '1.0000000001']) {
      match(problemsOf(`[limits]\ndefault_member_5h_quota = ${quota}`)[0] ?? '', /at most 9 decimals/, quota)
    }
    for (const [quota, nano] of [
      ['0.000000001', 1n],
      ['1.5e-7', 150n],
      ['0.1', 100_000_000n],
      ['123456.000000001', 123_456_000_000_001n],
    ] as const) {
      equal(load(`[limits]\ndefault_member_5h_quota = ${quota}`).limits.defaultMember5hQuota, nano)
    }
  })

  test('about money: it states the upper bound', () => {
    match(problemsOf('[credit]\nunknown_usage_credits = 1e9')[0] ?? '', /below 1000000000/)
    match(problemsOf('[credit]\nunknown_model_input = 1e9')[0] ?? '', /below 1000000000/)
  })

  test('about numbers: it shows those that JSON has no word for', () => {
    for (const [value, shown] of [
      ['nan', 'NaN'],
      ['inf', 'Infinity'],
      ['1e400', 'Infinity'],
    ]) {
      equal(told(problemsOf(`[server]\ndrain_secs = ${value}`)[0])[0], `x.toml:2: [server] drain_secs = ${shown}`)
    }
  })

  test('about addresses: it refuses what only looks like one', () => {
    for (const bind of ['[:::::::]:80', '[1.2.3.4]:80', '256.256.1.1:80', '1.2.3:80', '1:80']) {
      match(problemsOf(`[server]\nbind_addr = "${bind}"`)[0] ?? '', /an address with a port/, bind)
    }
  })

  test('about files: it refuses names that no file can have, and folders', () => {
    for (const name of ['..', '.', 'a/', 'a/..', 'a\\u0000b', folder]) {
      match(problemsOf(`[database]\nurl = "sqlite://${name}"`)[0] ?? '', /^x\.toml:2: .*a SQLite URL/, name)
      match(problemsOf(`[secrets]\nkey_file = "${name}"`)[0] ?? '', /^x\.toml:2: .*the name of a file/, name)
      match(problemsOf(`[upstream]\nca_file = "${name}"`)[0] ?? '', /^x\.toml:2: .*the name of a file/, name)
    }
    match(problemsOf('[secrets]\nkey_file = "/"')[0] ?? '', /the name of a file/)
  })

  test('about keys: it quotes those which could break the line or move the cursor', () => {
    for (const key of ['a\\nb', '\\u001b[2J', '\\u009b2J', '\\u202eb']) {
      for (const toml of [`[log]\n"${key}" = 1`, `["${key}"]\n`, `"${key}" = 1`]) {
        const [problem = ''] = problemsOf(toml)
        ok(!/[\p{Cc}\p{Cf}]/u.test(problem), JSON.stringify(problem))
      }
    }
    equal(problemsOf('[log]\n"a b" = 1')[0]?.split(';')[0], 'x.toml:2: [log] has no key "a b"')
  })

  test('about values that are wrong together: it tells the one that was set, with its line and all else that is wrong', () => {
    deepEqual(problemsOf('[limits]\nmax_decompressed_bytes = 2000\nqueue_secs = "x"\n').map(told), [
      ['x.toml:2: [limits] max_decompressed_bytes = 2000', 'at least max_body_bytes, which is 134217728'],
      ['x.toml:3: [limits] queue_secs = "x"', 'a number of seconds from 0 to 2000000, such as 10'],
    ])
    deepEqual(problemsOf('', { CODEX_GATEWAY_LIMITS_MAX_BODY_BYTES: '300000000' }).map(told), [
      [
        'environment variable CODEX_GATEWAY_LIMITS_MAX_BODY_BYTES = 300000000',
        'at most max_decompressed_bytes, which is 268435456',
      ],
    ])
    equal(problemsOf('[limits]\nmax_body_bytes = "x"\nmax_decompressed_bytes = 2000').length, 1)
  })

  test('about certificates: it tells a file that is missing, and one in which one is damaged', () => {
    deepEqual(told(problemsOf('[upstream]\nca_file = "/nope.pem"')[0]), [
      'x.toml:2: [upstream] ca_file = "/nope.pem"',
      'the name of a file of PEM certificates: there is no such file',
    ])
    const variable = problemsOf('[log]\nlevel = "x"', { CODEX_GATEWAY_UPSTREAM_CA_FILE: '/nope.pem' })
    ok(variable.some((problem) => problem.startsWith('environment variable CODEX_GATEWAY_UPSTREAM_CA_FILE')))
    equal(variable.length, 2)
    const right = readFileSync(new URL('../test/support/tls/ca.pem', import.meta.url), 'utf8')
    for (const bad of ['-----BEGIN CERTIFICATE-----\ngarbage', right.slice(0, -60), `${right}${right.slice(0, 200)}`]) {
      writeFileSync(join(folder, 'bad.pem'), bad)
      match(problemsOf(`[upstream]\nca_file = "${folder}/bad.pem"`)[0] ?? '', /certificate [12] in it is damaged/)
    }
    writeFileSync(join(folder, 'two.pem'), `# a comment\n${right}${right}`)
    ok(load(`[upstream]\nca_file = "${folder}/two.pem"`).ca)
  })

  test('about proxies of the environment: it takes the common form without a scheme, and tells any other by its variable', () => {
    deepEqual(load('', { HTTPS_PROXY: 'proxy.example.com:3128', http_proxy: '127.0.0.1:3128' }).proxy, {
      httpProxy: 'http://127.0.0.1:3128',
      httpsProxy: 'http://proxy.example.com:3128',
      noProxy: '',
    })
    for (const value of ['socks5://127.0.0.1:1080', 'a b', 'host:99999', 'http://']) {
      const [problem = '', ...others] = problemsOf('', { HTTP_PROXY: value, HTTPS_PROXY: 'http://right:1' })
      match(problem, /^environment variable HTTP_PROXY = ".*": must be an http:\/\/ or https:\/\/ URL/, value)
      equal(others.length, 0)
      deepEqual(problemsOf('[upstream]\nproxy = "http://p:1"', { HTTP_PROXY: value }), [])
    }
    equal(problemsOf('[log]\nlevel = "x"', { https_proxy: 'socks5://x' }).length, 2)
    ok(!problemsOf('', { HTTP_PROXY: 'me:hidden@host:99999' }).join().includes('hidden'))
  })

  test('about variables, but for those that Kubernetes sets beside Services of our names', () => {
    const env = {
      CODEX_GATEWAY_SERVICE_HOST: '10.0.0.1',
      CODEX_GATEWAY_SERVICE_PORT: '8080',
      CODEX_GATEWAY_SERVICE_PORT_HTTP: '8080',
      CODEX_GATEWAY_PORT: 'tcp://10.0.0.1:8080',
      CODEX_GATEWAY_PORT_8080_TCP: 'tcp://10.0.0.1:8080',
      CODEX_GATEWAY_PORT_8080_TCP_PROTO: 'tcp',
      CODEX_GATEWAY_PORT_8080_TCP_ADDR: '10.0.0.1',
      CODEX_GATEWAY_METRICS_SERVICE_HOST: '10.0.0.2',
      CODEX_GATEWAY_METRICS_SERVICE_PORT: '9464',
      CODEX_GATEWAY_METRICS_PORT: 'tcp://10.0.0.2:9464',
      CODEX_GATEWAY_METRICS_PORT_9464_TCP_PORT: '9464',
    }
    deepEqual(problemsOf('', env), [])
    equal(problemsOf('', { CODEX_GATEWAY_PORTS: '1', CODEX_GATEWAY_SERVICE_NAME: 'x' }).length, 2)
    // Somebody means another port.
    const meant = { CODEX_GATEWAY_PORT: '9000', CODEX_GATEWAY_SERVICE_PORT: '7000', CODEX_GATEWAY_METRICS_PORT: '9464' }
    const named = problemsOf('', meant)
    equal(named.length, 3)
    for (const [i, name] of Object.keys(meant).entries())
      match(
        named[i] ?? '',
        new RegExp(`^environment variable ${name}: there is no such setting; did you mean .*_BIND_ADDR`),
      )
    deepEqual(problemsOf('', { ...env, CODEX_GATEWAY_METRICS_PORT: '9464' }).length, 4)
  })
})
