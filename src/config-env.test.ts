import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { configFiles } from '../test/support/config-files.ts'
import { loadConfig } from './config.ts'
import { settings } from './config-schema.ts'

const { load, problemsOf } = configFiles()

suite('the environment of the configuration', () => {
  test('overrides the file, setting by setting', () => {
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

  test('has a variable for every setting', () => {
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

  test('is told what is wrong with it by the names of its variables', () => {
    deepEqual(problemsOf('', { CODEX_GATEWAY_SERVER_BIND_ADR: 'x', CODEX_GATEWAY_LIMITS_QUEUE_SECS: '1s' }), [
      'environment variable CODEX_GATEWAY_SERVER_BIND_ADR: there is no such setting; did you mean CODEX_GATEWAY_SERVER_BIND_ADDR?',
      'environment variable CODEX_GATEWAY_LIMITS_QUEUE_SECS = "1s": must be a number of seconds from 0 to 2000000, such as 10',
    ])
  })

  test('names no model or tier twice, as the file cannot', () => {
    deepEqual(problemsOf('', { CODEX_GATEWAY_CREDIT_RATES: 'gpt-x=1/2/3,gpt-y=1/2/3, gpt-x =4/5/6' }), [
      'environment variable CODEX_GATEWAY_CREDIT_RATES: "gpt-x" stands in it twice',
    ])
    deepEqual(problemsOf('', { CODEX_GATEWAY_CREDIT_TIERS: 'flex=2,flex=2' }), [
      'environment variable CODEX_GATEWAY_CREDIT_TIERS: "flex" stands in it twice',
    ])
  })

  test('gives the proxy where no setting does, and a password is shown nowhere', () => {
    const env = { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'a.example' }
    deepEqual(load('', env).proxy, { httpProxy: undefined, httpsProxy: 'http://p:1', noProxy: 'a.example' })
    const own = load('[upstream]\nproxy = "http://me:hidden@q:2"', env)
    equal(own.proxy?.httpsProxy, 'http://me:hidden@q:2')
    ok(!JSON.stringify(own.origins).includes('hidden'))
    ok(!problemsOf('[upstream]\nproxy = "http://me:hidden@q:2/?x"').join('').includes('hidden'))
    ok(!problemsOf('[upstream]\nproxy = "http://me:a/hidden@q:2/?x"').join('').includes('hidden'))
    ok(!problemsOf('[database]\nurl = "postgres://me:hidden@db/x"').join('').includes('hidden'))
  })
})
