import { deepEqual, equal } from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { openEngine, type Engine } from './engine.ts'
import { monotonicMs, runGroup, type Answer, type Request } from './group.ts'
import type { OperationName } from './operations.ts'
import { int, only, sql, type Script } from './sql.ts'

suite('group commit', () => {
  test('takes back all that a failing request did, and nothing that its neighbours did', () => {
    using given = engine()
    const operations = { ...given.operations, learn: writeThenFail }
    const answers = runGroup({ ...given, operations }, [request('probe'), request('learn'), request('probe')])
    deepEqual(answers.map(kindOf), ['ok', 'bug', 'ok'])
    equal(probes(given), 2)
  })

  test('fails every request when SQLite gives up the whole transaction', () => {
    using given = engine()
    const giveUp = (): Script<void> => {
      given.db.exec('ROLLBACK')
      throw Object.assign(new Error('database or disk is full'), { errcode: 13 })
    }
    const operations = { ...given.operations, learn: giveUp }
    const answers = runGroup({ ...given, operations }, [request('probe'), request('learn'), request('probe')])
    deepEqual(answers.map(kindOf), ['unavailable', 'unavailable', 'unavailable'])
    equal(probes(given), 0)
    deepEqual(runGroup(given, [request('probe')]).map(kindOf), ['ok'])
  })

  test('answers what reads, though a neighbour has the whole transaction given up', () => {
    using given = engine()
    const giveUp = (): Script<void> => {
      given.db.exec('ROLLBACK')
      throw Object.assign(new Error('database or disk is full'), { errcode: 13 })
    }
    const group = [request('listMembers'), request('learn'), request('listMembers')]
    const answers = runGroup({ ...given, operations: { ...given.operations, learn: giveUp } }, group)
    deepEqual(answers.map(kindOf), ['ok', 'unavailable', 'ok'])
    deepEqual(
      answers.map(({ id }) => id),
      group.map(({ id }) => id),
    )
  })

  test('leaves undone what nobody waits for any more', () => {
    using given = engine()
    const late = { ...request('probe'), deadlineMs: monotonicMs() - 1 }
    deepEqual(runGroup(given, [late, request('probe')]).map(kindOf), ['unavailable', 'ok'])
    equal(probes(given), 1)
  })

  test('takes no write lock to read', () => {
    using given = engine()
    using other = engine(given.path)
    other.db.exec('BEGIN IMMEDIATE')
    deepEqual(runGroup(given, [request('listMembers')]).map(kindOf), ['ok'])
    other.db.exec('ROLLBACK')
  })
})

let lastId = 0

function request(name: OperationName): Request {
  lastId += 1
  return { id: lastId, name, input: [], deadlineMs: monotonicMs() + 10_000 }
}

function kindOf(answer: Answer): string {
  return 'fault' in answer ? answer.fault.kind : 'ok'
}

function* writeThenFail(): Script<void> {
  yield sql`UPDATE meta SET probes = probes + 100`
  throw new Error('a bug')
}

function probes({ db }: Engine): number {
  return int(db.run(only(sql`SELECT probes FROM meta`)), 'probes')
}

function engine(existing?: string): Engine & { path: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'codex-gateway-group-'))
  const path = existing ?? join(folder, 'a.db')
  const sealingKey = new Uint8Array(32)
  const opened = openEngine({
    path,
    create: true,
    durability: 'process',
    role: 'cli',
    sealingKey,
    instance: 'test',
    now: 0,
  })
  const end = (): void => {
    opened.close()
    rmSync(folder, { recursive: true })
  }
  return { ...opened, path, [Symbol.dispose]: end }
}
