/** A ledger as it looks after a long time: calls of a made-up company, put straight into its tables. */
import { randomBytes } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { openStore, type Store } from '../src/adapters/store/store.ts'
import { DAY_MS, HOUR_MS } from '../src/core/calendar.ts'
import { FIVE_HOURS_MS, NO_RULES, WEEK_MS, type WindowMode } from '../src/core/quota.ts'
import type { KeyHash } from '../src/core/units.ts'
import type { Log } from '../src/ports.ts'
import { SUMS_ANEW } from './sums-anew.ts'

export interface Traffic {
  readonly rows: number
  readonly days: number
  readonly members: number
  readonly upstreams: number
}

export const SEALING_KEY: Uint8Array = new Uint8Array(32).fill(7)
const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} }

export function openLedger(path: string, role: 'serve' | 'cli', window: WindowMode = 'anchored'): Promise<Store> {
  const quota = { ...NO_RULES, window }
  return openStore({ path, create: true, durability: 'process', role, sealingKey: SEALING_KEY, log: SILENT, quota })
}

/** Makes the database; its calls end an hour before `now`. `tell` hears how far it is. */
export async function makeTraffic(
  path: string,
  traffic: Traffic,
  now: number,
  tell: (text: string) => void,
): Promise<{ readonly from: number; readonly to: number }> {
  await populate(path, traffic)
  const to = now - HOUR_MS
  const from = to - traffic.days * DAY_MS
  const db = new DatabaseSync(path, { enableForeignKeyConstraints: false })
  try {
    // Lost in a crash: then it is made anew.
    db.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000')
    fill(db, traffic, { from, to }, tell)
    tell('sums …')
    db.exec(SUMS_ANEW)
    db.exec('PRAGMA optimize; PRAGMA journal_mode = WAL')
  } finally {
    db.close()
  }
  return { from, to }
}

async function populate(path: string, { members, upstreams }: Traffic): Promise<void> {
  await using store = await openLedger(path, 'cli')
  const rights = { weight: 1, models: undefined }
  for (let id = 1; id <= members; id += 1) {
    const quotas = { fiveHourQuota: 10n ** 15n, weeklyQuota: 10n ** 16n }
    const member = await store.registry.addMember({ name: `member-${id}`, ...rights, maxConcurrent: 0, ...quotas })
    const hash = randomBytes(32).toString('hex') as KeyHash
    const prefix = `sk-codex-gw-${String(id).padStart(12, '0')}`
    await store.registry.addGatewayKey({ member: member.name, hash, prefix, expiresAt: undefined })
  }
  for (let id = 1; id <= upstreams; id += 1) {
    const serves = { http: true, ws: true, maxConcurrent: 1_000, organization: undefined, project: undefined }
    await store.registry.addUpstream({
      name: `upstream-${id}`,
      secret: 'sk-bench',
      ...rights,
      ...serves,
      baseUrl: undefined,
    })
  }
}

const CHUNK = 500_000

function fill(
  db: DatabaseSync,
  { rows, members, upstreams }: Traffic,
  { from, to }: { readonly from: number; readonly to: number },
  tell: (text: string) => void,
): void {
  const indexes = db.prepare(`SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL`).all()
  for (const { name } of indexes) db.exec(`DROP INDEX ${String(name)}`)
  const insert = db.prepare(callsSql({ members, upstreams, from, step: (to - from) / rows }))
  for (let first = 1; first <= rows; first += CHUNK) {
    db.exec('BEGIN')
    insert.run(BigInt(first), BigInt(Math.min(rows, first + CHUNK - 1)))
    db.exec('COMMIT')
    tell(`calls ${Math.min(rows, first + CHUNK - 1)} of ${rows} …`)
  }
  tell('attempts, windows …')
  db.exec(`
    INSERT INTO attempts (call, number, upstream, started_at, status, sent, duration_ms)
    SELECT seq, 1, upstream, started_at, status, 1, ended_at - started_at FROM calls WHERE upstream IS NOT NULL;
    INSERT INTO windows (id, member, name, opened_at, resets_at, settled)
    SELECT window_5h, member, '5h', MIN(started_at), MIN(started_at) + ${FIVE_HOURS_MS}, SUM(credits)
    FROM calls GROUP BY window_5h;
    INSERT INTO windows (id, member, name, opened_at, resets_at, settled)
    SELECT window_weekly, member, 'weekly', MIN(started_at), MIN(started_at) + ${WEEK_MS}, SUM(credits)
    FROM calls GROUP BY window_weekly`)
  tell('indexes …')
  for (const { sql } of indexes) db.exec(String(sql))
}

/** Rows ?1 to ?2. A member keeps to a thread, its model and its upstream for an hour, mostly; calls are evenly spread. */
function callsSql(plan: { members: number; upstreams: number; from: number; step: number }): string {
  const { members, upstreams, from, step } = plan
  return `
    INSERT INTO calls
      (seq, id, instance, member, gateway_key, kind, transport, path, model, session_id, thread_id, turn_id, started_at,
       admitted_at, hold, window_5h, window_weekly, ended_at, ending, status, request_id, upstream, organization,
       response_id, service_tier, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, precision,
       charging, credits, messages, rate, stored)
    WITH RECURSIVE numbers (i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM numbers WHERE i < ?2),
    drawn AS (
      SELECT i, CAST(${from} + i * ${step} AS INTEGER) AS at,
        (i * 2654435761) % 4294967291 AS a, (i * 2246822519) % 4294967279 AS b FROM numbers),
    placed AS (
      SELECT i, at, a, b, 1 + MIN(a % ${members}, (a / 7) % ${members}) AS member, at / ${HOUR_MS} AS hour FROM drawn),
    habits AS (SELECT *, ((member * 48271 + hour) * 69621) % 2147483647 AS habit FROM placed)
    SELECT i, printf('%08x-0000-7000-8000-%012x', i, a), 'bench', member, member,
      CASE WHEN b % 20 = 0 THEN 'compaction' WHEN b % 20 = 1 THEN 'thread_title' WHEN b % 20 < 5 THEN 'subagent'
        ELSE 'turn' END,
      'sse', '/v1/responses',
      CASE WHEN b % 10 = 0 THEN 'gpt-5.4-mini' ELSE
        CASE habit % 4 WHEN 0 THEN 'gpt-5.5' WHEN 1 THEN 'gpt-6.1-sol' WHEN 2 THEN 'gpt-6-astra' ELSE 'gpt-5.3-codex' END
      END,
      printf('session-%x', habit), printf('thread-%x', habit), printf('turn-%x', i / 8), at, at, 100000000,
      (member - 1) * 10000000 + at / ${FIVE_HOURS_MS} + 1, (member - 1) * 10000000 + 9000000 + at / ${WEEK_MS} + 1,
      at + 4000 + a % 20000, CASE WHEN a % 97 = 0 THEN 'client-left' ELSE 'complete' END,
      CASE WHEN b % 89 = 0 THEN 500 ELSE 200 END, printf('req_%x', a * 4294967296 + b),
      1 + CASE WHEN b % 16 = 0 THEN a ELSE habit END % ${upstreams}, 'org-1', printf('resp_%012x%08x', a, i), 'default',
      1000 + a % 100000, 900 + (a % 100000) * 9 / 10, b % 4000, b % 2000,
      CASE WHEN a % 97 = 0 THEN 'estimated' ELSE 'exact' END, 'tokens', (1000 + a % 100000) * 4375, i % 8 = 0, 'bench', 0
    FROM habits`
}
