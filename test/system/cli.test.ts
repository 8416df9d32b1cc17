import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { parseGatewayKey } from '../../src/core/gateway-key.ts'
import { Folder, MAIN } from '../support/cli-folder.ts'

const SECRET = 'sk-proj-quite-secret-0123456789'

/** The keys that docs/json.md promises for a command. */
function documentedKeys(command: string): readonly string[] {
  const page = readFileSync(new URL('../../docs/json.md', import.meta.url), 'utf8')
  const isOf = (title = ''): boolean => new Set(command.split(' ')).isSubsetOf(new Set(title.split(/[ ,:;]+/)))
  const section = page.split(/^## /m).find((part) => isOf(part.split('\n')[0])) ?? ''
  return [...section.matchAll(/^\| `(\w+)`/gm)].map(([, key = '']) => key)
}

function hasDocumentedKeys(command: string, value: unknown): void {
  ok(typeof value === 'object' && value !== null, command)
  deepEqual(Object.keys(value), documentedKeys(command), command)
}

suite('the command line on a real database', { concurrency: 2 }, () => {
  test('answers the quick start line by line', async () => {
    await using folder = new Folder()
    equal(await folder.ok('admin init'), 'database initialized: sqlite://codex-gateway.db\n')
    equal(
      await folder.ok('admin add-member alice --weight 1.0 --max-concurrent 4 --five-hour-quota 50 --weekly-quota 200'),
      'member created: id=1 name=alice\n',
    )
    const [title, prefix = '', secret = '', end] = (await folder.ok('admin add-codex-key alice')).split('\n')
    deepEqual([title, end], ['Codex key created for member alice', ''])
    match(prefix, /^prefix: sk-codex-gw-\w{8}$/)
    ok(secret.startsWith(prefix.replace('prefix', 'secret')))
    equal(parseGatewayKey(secret.slice('secret: '.length)).ok, true)
    equal(
      await folder.ok(`admin add-upstream-key main ${SECRET} --http --ws --weight 1.0 --max-concurrent 8`),
      'upstream key created: id=1 name=main\n',
    )
    equal(await folder.ok('admin usage'), 'no usage recorded today\n')
    const shown = prefix.slice('prefix: '.length)
    equal(await folder.ok(`admin disable-codex-key ${shown}`), `Codex key disabled: ${shown}\n`)
    equal(await folder.ok(`admin enable-codex-key ${shown.slice(0, -2)}`), `Codex key enabled: ${shown}\n`)
    const whole = secret.slice('secret: '.length)
    equal(await folder.ok(`admin disable-codex-key ${whole}`), `Codex key disabled: ${shown}\n`)
    match(await folder.ok('admin list-codex-keys'), / enabled=false /)
    equal(await folder.ok('admin disable-upstream-key main'), 'upstream key disabled: main\n')
    equal(await folder.ok('admin enable-upstream-key main'), 'upstream key enabled: main\n')
  })

  test('makes files for their owner alone, keeps them when initialized again, and writes no secret into them', async () => {
    await using folder = new Folder()
    await folder.ok('admin init')
    await folder.ok('admin add-member alice')
    const { secret } = await folder.json('admin add-codex-key alice')
    await folder.ok('admin add-upstream-key main -', `${SECRET}\n`)
    await folder.ok('admin init')
    match(await folder.ok('admin list-members'), /^alice: id=1 enabled=true /)
    for (const name of readdirSync(folder.path)) {
      const file = join(folder.path, name)
      equal(statSync(file).mode & 0o777, 0o600, name)
      const bytes = readFileSync(file)
      ok(!bytes.includes(SECRET) && !bytes.includes(String(secret)), name)
    }
    for (const list of ['list-members', 'list-codex-keys', 'list-upstream-keys', 'check-config']) {
      const out = (await folder.ok(`admin ${list} --json`)) + (await folder.ok(`admin ${list}`))
      ok(!out.includes(SECRET) && !out.includes(String(secret)), list)
    }
    chmodSync(join(folder.path, 'codex-gateway.db.key'), 0o644)
    match((await folder.run('admin usage')).err, /^warning: .*chmod 600/)
  })

  test('answers every command in JSON, with the documented keys', async () => {
    await using folder = new Folder()
    hasDocumentedKeys('init', await folder.json('admin init'))
    hasDocumentedKeys('add-member', await folder.json('admin add-member alice --five-hour-quota 0.000000001'))
    match(await folder.ok('admin set-member alice --weekly-quota 1.75 --json'), /"weekly_quota": 1\.75,/)
    for (const command of ['disable-member', 'enable-member']) {
      hasDocumentedKeys(command, await folder.json(`admin ${command} alice`))
    }
    const key = await folder.json('admin add-codex-key alice --expires 30d')
    hasDocumentedKeys('add-codex-key', key)
    for (const command of ['disable-codex-key', 'enable-codex-key']) {
      hasDocumentedKeys(command, await folder.json(`admin ${command} ${String(key['prefix'])}`))
    }
    hasDocumentedKeys('add-upstream-key', await folder.json('admin add-upstream-key main -', SECRET))
    hasDocumentedKeys('set-upstream-key', await folder.json('admin set-upstream-key main --org org-1 --no-ws'))
    for (const command of ['disable-upstream-key', 'enable-upstream-key']) {
      hasDocumentedKeys(command, await folder.json(`admin ${command} main`))
    }
    for (const command of ['list-members', 'list-codex-keys', 'list-upstream-keys']) {
      const [first, ...others] = Object.values(await folder.json(`admin ${command}`))
      hasDocumentedKeys(command, first)
      equal(others.length, 0)
    }
    deepEqual([await folder.json('admin usage'), await folder.json('admin calls')], [[], []])
    await folder.ok('admin add-member bob --five-hour-quota 50')
    const [granted] = (await folder.json('admin quota grant bob 5 --why summer')) as unknown as object[]
    hasDocumentedKeys('quota grant', granted)
    const quota = await folder.json('admin quota show bob')
    hasDocumentedKeys('quota show', quota)
    deepEqual(Object(quota['windows'])[0].limit, 55)
    deepEqual(Object(quota['adjustments'])[0], granted)
    equal(await folder.ok('admin quota reset bob'), 'nothing to reset: bob has no open window\n')
    equal(await folder.ok('admin quota what-if --five-hour 1'), 'nobody would have been refused\n')
    hasDocumentedKeys('check-config', await folder.json('admin check-config'))
    hasDocumentedKeys('sample-config', await folder.json('admin sample-config'))
    match(await folder.ok('admin list-members --json'), /"five_hour_quota": 0\.000000001,/)
  })

  test('answers what is asked wrongly with exit code 2 and one line, and leaves everything as it was', async () => {
    await using folder = new Folder()
    await folder.ok('admin init')
    await folder.ok('admin add-member alice')
    await folder.ok('admin add-upstream-key main -', SECRET)
    const lists = ['list-members', 'list-codex-keys', 'list-upstream-keys'].map((list) => `admin ${list} --json`)
    const state = async () => await Promise.all(lists.map((line) => folder.ok(line)))
    const before = await state()
    writeFileSync(join(folder.path, 'wrong.toml'), '[server]\nbind_addr = "nowhere"\n')
    const wrong: readonly [string, RegExp][] = [
      ['admin add-member alice', /already a member "alice"/],
      ['admin add-member bob --weight heavy', /--weight "heavy": must be a number above 0/],
      ['admin add-member b*b', /b\*b/],
      ['admin set-member nobody --weight 2', /nobody/],
      ['admin add-codex-key nobody', /nobody/],
      ['admin add-codex-key alice --expires 2020-01-01', /must be in the future/],
      ['admin disable-codex-key sk-codex-gw-zzzz', /sk-codex-gw-zzzz/],
      [`admin add-upstream-key main ${SECRET}`, /"main"/],
      ['admin add-upstream-key other', /the secret is missing/],
      ['admin add-upstream-key other -', /the secret is empty/],
      ['admin disable-upstream-key other', /other/],
      ['admin calls --member nobody', /nobody/],
      ['admin list-members -c wrong.toml', /wrong\.toml:2: \[server\] bind_addr = "nowhere": must be an address/],
      ['admin list-members -c none.toml', /none\.toml: there is no such file/],
      ['admin lst-members', /unknown command/],
    ]
    for (const [line, said] of wrong) {
      const { code, out, err } = await folder.run(line)
      deepEqual([code, out, err.trimEnd().split('\n').length], [2, '', 1], `${line}: ${err}`)
      match(err, said)
      ok(err.startsWith('error: ') && !err.includes(SECRET), err)
    }
    deepEqual(await state(), before)
  })

  test('says what to do where nothing was initialized, and makes nothing', async () => {
    await using folder = new Folder()
    const { code, err } = await folder.run('admin add-member alice')
    equal(code, 1)
    match(err, /^error: .*run `codex-gateway admin init` first/)
    deepEqual(readdirSync(folder.path), [])
  })

  test('finds its configuration by option, before or after the command, or by variable', async () => {
    await using folder = new Folder()
    writeFileSync(join(folder.path, 'a.toml'), '[database]\nurl = "sqlite://a.db"\n')
    for (const line of ['--config a.toml admin init', 'admin init --config a.toml', 'admin init -c a.toml']) {
      equal(await folder.ok(line), 'database initialized: sqlite://a.db\n')
    }
    folder.env['CODEX_GATEWAY_CONFIG'] = 'a.toml'
    equal(await folder.ok('admin init'), 'database initialized: sqlite://a.db\n')
    folder.env['CODEX_GATEWAY_DATABASE_URL'] = `sqlite://${folder.path}/b.db`
    folder.env['CODEX_GATEWAY_SECRET_KEY'] = 'ab'.repeat(32)
    equal(await folder.ok('admin init'), `database initialized: sqlite://${folder.path}/b.db\n`)
    match(await folder.ok('admin check-config'), /database\.url = .*CODEX_GATEWAY_DATABASE_URL/)
    deepEqual(readdirSync(folder.path).toSorted(), ['a.db', 'a.db.key', 'a.toml', 'b.db'])
    folder.env['CODEX_GATEWAY_SECRET_KEY'] = 'cd'.repeat(32)
    equal((await folder.run('admin list-members')).code, 1)
  })

  test('takes its own sample as its configuration', async () => {
    await using folder = new Folder()
    writeFileSync(join(folder.path, 'sample.toml'), await folder.ok('admin sample-config'))
    match(await folder.ok('admin check-config -c sample.toml'), /^configuration is right: sample\.toml\n/)
  })

  test('ends quietly when its reader has seen enough', async () => {
    await using folder = new Folder()
    // The second has more to do when it hears that nobody reads.
    for (const line of ['admin sample-config', 'demo --once']) {
      const child = spawn(process.execPath, [MAIN, ...line.split(' ')], { cwd: folder.path, env: folder.env })
      child.stdout.destroy()
      let err = ''
      child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
      const code = await new Promise((resolve) => child.on('close', resolve))
      deepEqual([code, err], [0, ''], line)
    }
  })
})

/** Of util-linux: gives a program a terminal of its own. */
const SCRIPT = 'script'
const noTerminal = spawnSync(SCRIPT, ['--version']).status !== 0 && 'needs script of util-linux'

suite('the command line on a terminal', { skip: noTerminal }, () => {
  /** Runs it on a terminal of its own; types `keys` once `question` is on the screen. Resolves with all of the screen. */
  async function onTerminal(folder: Folder, line: string, question = '', keys = ''): Promise<string> {
    const command = `"${process.execPath}" "${MAIN}" ${line}`
    const env = { ...folder.env, TERM: 'xterm-256color', SHELL: '/bin/sh' }
    const child = spawn(SCRIPT, ['-qec', command, '/dev/null'], { cwd: folder.path, env })
    let screen = ''
    let typed = false
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      screen += text
      if (keys === '' || typed || !screen.includes(question)) return
      typed = true
      child.stdin.write(keys)
    })
    await new Promise((resolve) => child.on('close', resolve))
    child.stdin.destroy()
    return screen
  }

  test('asks for a secret without showing it', async () => {
    await using folder = new Folder()
    await folder.ok('admin init')
    const screen = await onTerminal(folder, 'admin add-upstream-key main', 'API key', `${SECRET}\r`)
    ok(!screen.includes(SECRET), screen)
    match(screen, /upstream key created: id=1 name=main/)
    match(await onTerminal(folder, 'admin set-upstream-key main --secret', 'API key', `${SECRET}x\r`), /updated: main/)
  })

  test('changes nothing when the question is broken off', async () => {
    await using folder = new Folder()
    await folder.ok('admin init')
    match(await onTerminal(folder, 'admin add-upstream-key main', 'API key', 'sk-half\u0003'), /nothing was changed/)
    equal(await folder.ok('admin list-upstream-keys'), 'no upstream keys yet\n')
  })

  test('shows tables, in colour unless told otherwise', async () => {
    await using folder = new Folder()
    await folder.ok('admin init')
    await folder.ok('admin add-member alice')
    const screen = await onTerminal(folder, 'admin list-members')
    match(screen, /MEMBER +STATE +WEIGHT/)
    ok(screen.includes('\u001B[32menabled'), screen)
    folder.env['NO_COLOR'] = '1'
    ok(!(await onTerminal(folder, 'admin list-members')).includes('\u001B['))
  })
})
