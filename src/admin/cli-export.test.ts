import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { CALL, FakeWorld, NOW } from '../../test/support/admin-world.ts'

const folder = mkdtempSync(join(tmpdir(), 'codex-gateway-export-'))
after(() => rmSync(folder, { recursive: true }))

const ENDED = { ...CALL, ending: 'complete', endedAt: CALL.startedAt } as const

suite('admin export', () => {
  test('writes calls as JSON Lines or CSV to standard output, and shows no bar that nobody watches', async () => {
    const world = new FakeWorld()
    world.calls = [ENDED, { ...ENDED, model: 'a,b' }]
    equal(await world.run('admin', 'export'), 0, world.err)
    deepEqual(
      world.out.split('\n').map((line) => line && (JSON.parse(line) as { model: string }).model),
      [CALL.model, 'a,b', ''],
    )
    equal(world.err, 'warning: careful\n')
    equal(await world.run('admin', 'export', '--format', 'csv'), 0)
    const [head, first, second] = world.out.split('\n')
    match(head ?? '', /^id,request_id,member,key_prefix,upstream,kind,.*,duration_ms,attempts$/)
    match(
      first ?? '',
      /^0199,,alice,sk-codex-gw-abcd,,turn,sse,\/v1\/responses,gpt\\u\{1b\}\[2J\\u\{a\}root: owned,|"gpt/,
    )
    match(second ?? '', /,"a,b",/)
  })

  test('has a column for everything that is in the JSON', async () => {
    const world = new FakeWorld()
    const spoken = { inputAudioTokens: 1, cachedAudioTokens: 2, inputImageTokens: 3, cachedImageTokens: 4 }
    const counted = { inputTokens: 1000, wouldRefuse: 'member_5h_quota_exceeded', model: 'gpt-5.5' }
    world.calls = [{ ...CALL, ...counted, spoken: { ...spoken, outputAudioTokens: 5, audioMs: 6 } }]
    equal(await world.run('admin', 'export'), 0)
    const json = JSON.parse(world.out) as Record<string, string | number | object | null>
    equal(await world.run('admin', 'export', '--format', 'csv'), 0)
    const [names = [], cells = []] = world.out.split('\n').map((line) => line.split(','))
    const flat = Object.entries(json).flatMap(([key, value]) =>
      typeof value === 'object' && value !== null
        ? Object.entries(value as Record<string, number>)
        : [[key, value] as const],
    )
    deepEqual(
      names.map((name, i) => [name, cells[i]]),
      flat.map(([name, value]) => [name, value === null ? '' : String(value)]),
    )
  })

  test('writes into a new file of its own, tells how many, and shows how far it is', async () => {
    const world = new FakeWorld()
    world.calls = [ENDED]
    world.watched = true
    const file = join(folder, 'calls.jsonl')
    equal(await world.run('admin', 'export', '--output', file), 0)
    equal(world.out, `1 calls written to ${file}\n`)
    ok(world.err.endsWith(`\r[${'#'.repeat(30)}] 100 %, 1 calls\r\u001B[K`), JSON.stringify(world.err))
    equal(statSync(file).mode & 0o777, 0o600)
    equal(readFileSync(file, 'utf8').split('\n').length, 2)
    equal(await world.run('admin', 'export'), 0)
    match(world.err, /100 %/, 'the calls go into a pipe')
    world.interactive = true
    equal(await world.run('admin', 'export'), 0)
    equal(world.err, 'warning: careful\n', 'the calls go to the terminal themselves')
    const json = join(folder, 'other.jsonl')
    equal(await world.run('admin', 'export', '--output', json, '--json'), 0)
    deepEqual(JSON.parse(world.out), { file: json, calls: 1, open: 0, pruned: 0 })
  })

  test('says how many of its calls have not ended: they are in no later stretch', async () => {
    const world = new FakeWorld()
    world.calls = [CALL, ENDED, CALL]
    const file = join(folder, 'open.jsonl')
    equal(await world.run('admin', 'export', '--output', file, '--json'), 0)
    deepEqual(JSON.parse(world.out), { file, calls: 3, open: 2, pruned: 0 })
    match(world.err, /warning: 2 of these calls have not ended, and no cost yet: export this time again later to have/)
    equal(await world.run('admin', 'export'), 0)
    match(world.err, /warning: 2 of these calls have not ended/)
  })

  test('says how many calls are missing because they were deleted', async () => {
    const world = new FakeWorld()
    world.pruned = { calls: 1234, before: NOW }
    equal(await world.run('admin', 'export', '--since', '2026-11-01', '--until', '2026-11-23'), 0)
    ok(
      world.err.endsWith(
        'warning: 1,234 calls that started before 2026-11-23T10:00:00.000Z were deleted ([retention]): they are missing, and refused calls of that time too\n',
      ),
      world.err,
    )
    const [from, to] = [Date.parse('2026-11-01'), Date.parse('2026-11-23')]
    deepEqual(world.prunedAsked, [{ from, to, member: undefined }])
  })

  test('overwrites nothing, and says what is wrong', async () => {
    const world = new FakeWorld()
    const file = join(folder, 'there')
    writeFileSync(file, 'precious')
    for (const [args, message] of [
      [['--output', file], /there: cannot be made: it is there already, and nothing is overwritten/],
      [['--output', join(folder, 'no', 'folder')], /cannot be made: the folder .*no does not exist\n$/],
      [['--output', join(folder, 'x'.repeat(250))], /cannot be made: name too long\n$/],
      [['--output', ''], /--output "": must be the name of a file/],
      [['--format', 'xml'], /--format "xml": must be one of csv, jsonl/],
      [['--json'], /--json: the calls themselves go to standard output/],
      [['--since', 'yesterday'], /--since "yesterday": must be a date/],
    ] as const) {
      equal(await world.run('admin', 'export', ...args), 2)
      match(world.err, message)
    }
    equal(readFileSync(file, 'utf8'), 'precious')
    Object.defineProperty(world, 'calls', {
      get: () => {
        throw new Error('the store has gone')
      },
    })
    equal(await world.run('admin', 'export', '--output', join(folder, 'half')), 1)
    equal(existsSync(join(folder, 'half')), false)
  })
})
