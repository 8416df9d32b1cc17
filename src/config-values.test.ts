import { deepEqual, equal, match } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { configFiles } from '../test/support/config-files.ts'

const { fileOf, load, problemsOf } = configFiles()

suite('the values of the configuration', () => {
  test('are refused out of range, with a word on what would be right', () => {
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
      [
        '[credit.tiers]\n"gpt-5.5/" = 2',
        /tiers\."gpt-5\.5\/" = 2: must be a table from names \(`tier` or `model\/tier`\)/,
      ],
      ['[credit.tiers]\n"/priority" = 2', /tiers\."\/priority" = 2: must be/],
      ['[credit.tiers]\n"gpt 5/priority" = 2', /tiers\."gpt 5\/priority" = 2: must be/],
      ['[limits]\nqueue_secs = 3000000', /2000000/],
      ['[quota]\ncontact = "a\\nb"', /one line/],
      ['[quota]\ncontact = ""', /short sentence/],
      ['[limits]\nmax_buffered_bytes = 1048576', /max_buffered_bytes = 1048576: must be at least max_body_bytes/],
    ]
    for (const [toml, right] of wrong) match(problemsOf(toml).join('\n'), right, toml)
  })

  test('are addresses of every kind', () => {
    const addressOf = (bind: string) => {
      const { host, port } = load(`[server]\nbind_addr = "${bind}"`).server
      return [host, port]
    }
    deepEqual(addressOf('[::1]:0'), ['::1', 0])
    deepEqual(addressOf('localhost:80'), ['localhost', 80])
    deepEqual(addressOf('[fe80::1%eth0]:80'), ['fe80::1%eth0', 80])
  })

  test('are certificates, but not a file that has none', () => {
    const pem = readFileSync(new URL('../test/support/tls/ca.pem', import.meta.url), 'utf8')
    equal(load(`[upstream]\nca_file = ${JSON.stringify(fileOf(pem))}`).ca, pem)
    match(problemsOf(`[upstream]\nca_file = ${JSON.stringify(fileOf('x'))}`)[0] ?? '', /a file of PEM .*: it has none/)
  })
})
