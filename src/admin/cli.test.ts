import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { parseGatewayKey } from '../core/gateway-key.ts'
import { usageJson } from './json-form.ts'
import { visible } from './lines.ts'
import { CALL, FakeWorld, NOW, USAGE } from '../../test/support/admin-world.ts'

async function withAlice(): Promise<FakeWorld> {
  const world = new FakeWorld()
  await world.run('admin', 'add-member', 'alice')
  return world
}

suite('the command line', () => {
  test('gives a new member the defaults of the configuration', async () => {
    const world = new FakeWorld()
    equal(await world.run('admin', 'add-member', 'alice', '--weight', '2.5', '-c', 'x.toml'), 0)
    equal(world.out, 'member created: id=1 name=alice\n')
    equal(world.err, 'warning: careful\n')
    deepEqual(world.loaded, ['x.toml'])
    const [alice] = world.registry.list
    deepEqual([alice?.weight, alice?.maxConcurrent, alice?.fiveHourQuota], [2.5, 4, 7_000_000_000n])
  })

  test('changes only what was said of a member', async () => {
    const world = await withAlice()
    equal(await world.run('admin', 'set-member', 'alice', '--weekly-quota', '12.5', '--models', 'gpt-5.5, gpt-5.4'), 0)
    const [alice] = world.registry.list
    deepEqual([alice?.weeklyQuota, alice?.models, alice?.maxConcurrent], [12_500_000_000n, ['gpt-5.5', 'gpt-5.4'], 4])
    equal(await world.run('admin', 'set-member', 'alice', '--models', 'all'), 0)
    equal(world.registry.list[0]?.models, undefined)
    equal(await world.run('admin', 'disable-member', 'alice'), 0)
    equal(world.out, 'member disabled: alice\n')
    equal(world.registry.list[0]?.enabled, false)
  })

  test('issues keys that hold, and makes another when a prefix is taken', async () => {
    const world = await withAlice()
    world.registry.collisions = 2
    equal(await world.run('admin', 'add-codex-key', 'alice', '--expires', '90d'), 0)
    const [, prefix, secret = ''] = /prefix: (.*)\nsecret: (.*)\n$/.exec(world.out) ?? []
    deepEqual(parseGatewayKey(secret), { ok: true, prefix })
    equal(world.registry.keys[0]?.expiresAt, NOW + 90 * 86_400_000)
    match(world.registry.keys[0]?.hash ?? '', /^[0-9a-f]{64}$/)
    world.registry.collisions = 3
    equal(await world.run('admin', 'add-codex-key', 'alice'), 2)
  })

  test('reads times to come, and nothing else, as the end of a key', async () => {
    const world = await withAlice()
    const endOf = async (text: string) => {
      const code = await world.run('admin', 'add-codex-key', 'alice', '--expires', text, '--json')
      return code === 0 ? (JSON.parse(world.out) as { expires_at: string }).expires_at : code
    }
    equal(await endOf('2027-01-31'), '2027-01-31T00:00:00.000Z')
    equal(await endOf('2027-01-31T18:00:00+02:00'), '2027-01-31T16:00:00.000Z')
    equal(await endOf('2w'), '2026-12-07T10:00:00.000Z')
    for (const text of ['2026-11-23', '0d', '2027-02-30', '2027-13-01', '2027-01-31T18:00', 'soon', '5', '-1d', '']) {
      equal(await endOf(text), 2, text)
    }
  })

  test('gives an upstream key both transports, unless one is named or taken away', async () => {
    const cases: readonly [readonly string[], readonly boolean[]][] = [
      [[], [true, true]],
      [
        ['--http', '--ws'],
        [true, true],
      ],
      [['--http'], [true, false]],
      [['--ws'], [false, true]],
      [['--no-ws'], [true, false]],
      [['--no-http'], [false, true]],
    ]
    for (const [flags, expected] of cases) {
      const world = new FakeWorld()
      equal(await world.run('admin', 'add-upstream-key', 'main', 'sk-x', ...flags), 0)
      const [key] = world.registry.pool
      deepEqual([key?.http, key?.ws], expected, flags.join(' '))
    }
    equal(await new FakeWorld().run('admin', 'add-upstream-key', 'main', 'sk-x', '--no-ws', '--no-http'), 2)
  })

  test('takes a secret from the line, from standard input or from a question', async () => {
    const world = new FakeWorld()
    world.input = 'sk-from-input\r\n'
    equal(await world.run('admin', 'add-upstream-key', 'one', '-'), 0)
    world.typed = 'sk-typed'
    equal(await world.run('admin', 'add-upstream-key', 'two'), 0)
    equal(await world.run('admin', 'set-upstream-key', 'one', '--secret'), 0)
    deepEqual(
      world.registry.pool.map(({ secret }) => secret),
      ['sk-typed', 'sk-typed'],
    )
    equal(await world.run('admin', 'set-upstream-key', 'one', '--secret', '-', '--org', 'org-1', '--base-url', ''), 0)
    deepEqual([world.registry.pool[0]?.secret, world.registry.pool[0]?.organization], ['sk-from-input', 'org-1'])
    for (const input of ['', '\n', 'two lines\nof it', 'sk-ü']) {
      world.input = input
      equal(await world.run('admin', 'add-upstream-key', 'three', '-'), 2)
      ok(input.trim() === '' || !world.err.includes(input.trim()))
    }
    world.typed = undefined
    equal(await world.run('admin', 'add-upstream-key', 'three'), 2)
  })

  test('asks for no secret when the settings are not right', async () => {
    const world = new FakeWorld()
    world.wrongConfig = 'x.toml:1: wrong\nx.toml:2: wrong too'
    world.typed = 'sk-x'
    equal(await world.run('admin', 'add-upstream-key', 'main'), 2)
    equal(world.err, 'error: x.toml:1: wrong\nerror: x.toml:2: wrong too\n')
  })

  test('answers everything that is asked wrongly with one line and exit code 2, and changes nothing', async () => {
    const world = await withAlice()
    await world.run('admin', 'add-upstream-key', 'main', 'sk-x')
    const before = structuredClone([world.registry.list, world.registry.keys, world.registry.pool])
    const wrong = [
      'admin',
      'admin frobnicate',
      'serv',
      'serve now',
      'admin add-member',
      'admin add-member bob extra',
      'admin add-member alice',
      'admin add-member bob --weight 0',
      'admin add-member bob --weight -1',
      'admin add-member bob --weight 1e3',
      'admin add-member bob --weight',
      'admin add-member bob --max-concurrent 1.5',
      'admin add-member bob --max-concurrent -1',
      'admin add-member bob --five-hour-quota ten',
      'admin add-member bob --weekly-quota 0.0000000001',
      'admin add-member bob --models ,',
      'admin add-member bob --wait 3',
      'admin set-member alice',
      'admin set-member nobody --weight 1',
      'admin disable-member nobody',
      'admin add-codex-key nobody',
      'admin disable-codex-key sk-codex-gw-none',
      'admin add-upstream-key other sk-x --max-concurrent 0',
      'admin add-upstream-key other sk-x --base-url ftp://x',
      'admin add-upstream-key other sk-x --base-url https://x/v1',
      'admin add-upstream-key other sk-x --base-url https://u:p@x',
      'admin set-upstream-key main',
      'admin calls --limit 0',
      'admin calls --limit many',
      'admin calls --member nobody',
      'admin connections --limit 0',
      'admin connections --member nobody',
      'simulator --port 65536',
      'simulator --pace fast',
      'simulator --tokens-per-second 0',
    ]
    for (const line of wrong) {
      equal(await world.run(...line.split(' ')), 2, line)
      const said = world.err.split('\n').filter((text) => text !== '' && text !== 'warning: careful')
      if (line !== 'admin') deepEqual([said.length, world.out], [1, ''], `${line}: ${world.err}`)
      if (line !== 'admin') match(said[0] ?? '', /^error: /, line)
    }
    deepEqual([world.registry.list, world.registry.keys, world.registry.pool], before)
  })

  test('shows usage in the plain line that scripts know', async () => {
    const world = new FakeWorld()
    equal(await world.run('admin', 'usage'), 0)
    equal(world.out, 'no usage recorded today\n')
    deepEqual(world.usageAsked, [Date.parse('2026-11-23'), Date.parse('2026-11-24')])
    world.usage = [USAGE]
    await world.run('admin', 'usage')
    equal(
      world.out,
      'alice: credits=1.230000001 weighted_tokens=46000 total_tokens=122000 requests=3 messages=2 ws_connections=0 ' +
        'usd=0.049200001 unpriced=0\n',
    )
  })

  test('keeps every digit of the credits in JSON', async () => {
    const world = new FakeWorld()
    world.usage = [{ ...USAGE, credits: 9_007_199_254_740_993_000_000_001n }]
    await world.run('admin', 'usage', '--json')
    match(world.out, /"credits": 9007199254740993\.000000001,/)
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 30n }), (credits) => {
        const text = JSON.stringify(usageJson({ ...USAGE, credits }))
        const [, whole = '', fraction = ''] = /"credits":(\d+)(?:\.(\d+))?,/.exec(text) ?? []
        equal(BigInt(whole + fraction.padEnd(9, '0')), credits)
      }),
    )
  })

  test('shows absent values of a call as null', async () => {
    const world = new FakeWorld()
    world.calls = [CALL]
    await world.run('admin', 'calls', '--json')
    const [call] = JSON.parse(world.out) as Record<string, unknown>[]
    deepEqual(
      [call?.['ending'], call?.['status'], call?.['duration_ms'], call?.['credits'], call?.['started_at']],
      [null, null, null, 0.000004375, '2026-11-23T10:00:00.000Z'],
    )
  })

  test('lets nothing that a caller chose move the cursor or begin a line', async () => {
    const world = new FakeWorld()
    world.calls = [CALL]
    for (const interactive of [false, true]) {
      world.interactive = interactive
      await world.run('admin', 'calls')
      ok(!world.out.includes('\u001B') && !world.out.includes('\nroot'), world.out)
    }
    equal(visible('a\u202Eb\u0000'), 'a\\u{202e}b\\u{0}')
  })

  test('sets lists in aligned columns on a terminal, in colour where wanted', async () => {
    const world = await withAlice()
    await world.run('admin', 'add-member', 'bartholomew', '--max-concurrent', '0')
    world.interactive = true
    await world.run('admin', 'list-members')
    equal(
      world.out,
      [
        'MEMBER       STATE    WEIGHT    AT ONCE  5-HOUR QUOTA  WEEKLY QUOTA  MODELS',
        'alice        enabled       1          4             7     unlimited  all',
        'bartholomew  enabled       1  unlimited             7     unlimited  all',
        '',
      ].join('\n'),
    )
    world.colour = true
    await world.run('admin', 'list-members')
    ok(world.out.includes('\u001B[32menabled\u001B[39m'), world.out)
  })

  test('has help with an example for every command', async () => {
    const world = new FakeWorld()
    await world.run('admin', '--help')
    const names = [...world.out.matchAll(/^ {2}([a-z]+(?:-[a-z]+)*) .* {2}/gm)].map(([, name = '']) => name)
    ok(names.length >= 20, names.join())
    for (const name of names.filter((one) => !['help', 'codex-gateway'].includes(one))) {
      equal(await world.run('admin', name, '--help'), 0)
      match(world.out, new RegExp(`Example:\n {2}codex-gateway admin ${name}`))
      match(world.out, /--config <file>/)
    }
    for (const name of ['serve', 'simulator', 'demo']) {
      await world.run(name, '--help')
      match(world.out, new RegExp(`Example:\n {2}codex-gateway ${name}`))
    }
    equal(world.err, '')
  })

  test('passes on the exit code of what runs', async () => {
    const world = new FakeWorld()
    deepEqual(
      [await world.run('serve'), await world.run('simulator', '--port', '3', '--pace', '4'), await world.run('demo')],
      [5, 7, 1],
    )
    equal(await world.run('--version'), 0)
    equal(world.out, '1.2.3\n')
  })

  test('shows what differs from the defaults, and from where', async () => {
    const world = new FakeWorld()
    equal(await world.run('admin', 'check-config', '-c', 'x.toml'), 0)
    match(world.out, /^configuration is right: x\.toml\nlog\.level = "warn" \(environment variable CODEX_GATEWAY_LOG/)
  })
})
