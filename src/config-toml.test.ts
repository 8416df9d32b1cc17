import { deepEqual, equal, match, ok, throws } from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { configFiles } from '../test/support/config-files.ts'
import { loadConfig } from './config.ts'

const { folder, problemsOf } = configFiles()

suite('the file of the configuration', () => {
  test('is told its unknown keys with their line and what was meant', () => {
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

  test('is told all that is wrong with it at once, in its order', () => {
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

  test('has its lines counted below headers, in dotted keys, inline tables and values over several lines', () => {
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

  test('is told the line where it is no TOML', () => {
    match(problemsOf('[server]\nbind_addr = "x\n')[0] ?? '', /^x\.toml:2: not valid TOML: /)
    match(problemsOf('[log]\n[log]\n')[0] ?? '', /^x\.toml:2: not valid TOML: /)
    match(problemsOf('server = 3\n')[0] ?? '', /^x\.toml:1: server = 3: must be a section, \[server\]/)
  })

  test('is named where it cannot be read', () => {
    throws(() => loadConfig({ path: join(folder, 'none.toml'), env: {} }), /none\.toml: there is no such file/)
    throws(() => loadConfig({ path: folder, env: {} }), /it is a folder/)
    throws(() => loadConfig({ path: undefined, env: { CODEX_GATEWAY_CONFIG: join(folder, 'no') } }), /no such file/)
  })
})
