import { StoreRefused } from './refused.ts'
import { FILL_ROLLUPS_STEP, ROLLUPS_STEP } from './rollups-schema.ts'
import { int, one, sql, text, type Script } from './sql.ts'
import type { Sqlite } from './sqlite.ts'

/**
 * The schema, step by step; a step that was released is never edited. Money is in nanocredits, times in milliseconds
 * since 1970. STRICT, so that no amount can turn into a floating-point number.
 */
const STEPS: readonly string[] = [
  `
  CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL,
    key_fingerprint TEXT,
    probes INTEGER NOT NULL
  ) STRICT;
  INSERT INTO meta (id, revision, key_fingerprint, probes) VALUES (1, 1, NULL, 0);

  CREATE TABLE members (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    enabled INTEGER NOT NULL,
    weight REAL NOT NULL,
    max_concurrent INTEGER NOT NULL,
    five_hour_quota INTEGER NOT NULL,
    weekly_quota INTEGER NOT NULL,
    models TEXT,
    created_at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE gateway_keys (
    id INTEGER PRIMARY KEY,
    member INTEGER NOT NULL REFERENCES members (id),
    hash TEXT NOT NULL UNIQUE,
    prefix TEXT NOT NULL UNIQUE,
    enabled INTEGER NOT NULL,
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER
  ) STRICT;

  CREATE TABLE upstreams (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    enabled INTEGER NOT NULL,
    version INTEGER NOT NULL,
    http INTEGER NOT NULL,
    ws INTEGER NOT NULL,
    weight REAL NOT NULL,
    max_concurrent INTEGER NOT NULL,
    organization TEXT,
    project TEXT,
    learned_organization TEXT,
    learned_project TEXT,
    models TEXT,
    base_url TEXT,
    secret BLOB NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE instances (
    id TEXT PRIMARY KEY,
    pid INTEGER NOT NULL,
    started_at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE windows (
    id INTEGER PRIMARY KEY,
    member INTEGER NOT NULL REFERENCES members (id),
    name TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    resets_at INTEGER NOT NULL,
    settled INTEGER NOT NULL,
    UNIQUE (member, name, opened_at)
  ) STRICT;
  CREATE INDEX windows_current ON windows (member, resets_at);

  CREATE TABLE calls (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    instance TEXT NOT NULL,
    member INTEGER NOT NULL REFERENCES members (id),
    gateway_key INTEGER NOT NULL REFERENCES gateway_keys (id),
    kind TEXT NOT NULL,
    transport TEXT NOT NULL,
    path TEXT NOT NULL,
    model TEXT,
    asked_tier TEXT,
    session_id TEXT,
    thread_id TEXT,
    turn_id TEXT,
    started_at INTEGER NOT NULL,
    admitted_at INTEGER NOT NULL,
    hold INTEGER NOT NULL,
    window_5h INTEGER REFERENCES windows (id),
    window_weekly INTEGER REFERENCES windows (id),
    ended_at INTEGER,
    ending TEXT,
    status INTEGER,
    refusal TEXT,
    request_id TEXT,
    upstream INTEGER REFERENCES upstreams (id),
    organization TEXT,
    response_id TEXT,
    service_tier TEXT,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    cached_input_tokens INTEGER NOT NULL DEFAULT 0,
    cache_write_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    reasoning_tokens INTEGER NOT NULL DEFAULT 0,
    precision TEXT,
    charging TEXT,
    credits INTEGER NOT NULL DEFAULT 0,
    messages INTEGER NOT NULL DEFAULT 0,
    rate TEXT
  ) STRICT;
  CREATE INDEX calls_by_time ON calls (started_at);
  CREATE INDEX calls_by_member ON calls (member, started_at);
  CREATE INDEX calls_by_turn ON calls (member, turn_id) WHERE turn_id IS NOT NULL;
  CREATE INDEX calls_by_thread ON calls (member, thread_id, ended_at)
    WHERE thread_id IS NOT NULL AND upstream IS NOT NULL;
  CREATE INDEX calls_by_session ON calls (member, session_id, ended_at)
    WHERE session_id IS NOT NULL AND upstream IS NOT NULL;
  CREATE INDEX calls_open ON calls (seq) WHERE ended_at IS NULL;

  CREATE TABLE attempts (
    call INTEGER NOT NULL REFERENCES calls (seq),
    number INTEGER NOT NULL,
    upstream INTEGER NOT NULL REFERENCES upstreams (id),
    started_at INTEGER NOT NULL,
    status INTEGER,
    error_class TEXT,
    sent INTEGER,
    duration_ms INTEGER,
    PRIMARY KEY (call, number)
  ) STRICT;
  `,
  // Which call opened the window; unknown of older ones.
  'ALTER TABLE windows ADD COLUMN opened_by TEXT',
  'CREATE INDEX calls_by_response ON calls (member, response_id) WHERE response_id IS NOT NULL',
  `
  CREATE TABLE connections (
    id TEXT PRIMARY KEY,
    instance TEXT NOT NULL,
    member INTEGER NOT NULL REFERENCES members (id),
    gateway_key INTEGER NOT NULL REFERENCES gateway_keys (id),
    path TEXT NOT NULL,
    session_id TEXT,
    thread_id TEXT,
    upstream INTEGER REFERENCES upstreams (id),
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    reason TEXT,
    code INTEGER,
    client_messages INTEGER NOT NULL DEFAULT 0,
    upstream_messages INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX connections_by_time ON connections (started_at);
  CREATE INDEX connections_open ON connections (instance) WHERE ended_at IS NULL;
  `,
  // What of a realtime session's tokens is no text, and the length of audio that is counted by it.
  `
  ALTER TABLE calls ADD COLUMN input_audio_tokens INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE calls ADD COLUMN cached_audio_tokens INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE calls ADD COLUMN input_image_tokens INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE calls ADD COLUMN cached_image_tokens INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE calls ADD COLUMN output_audio_tokens INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE calls ADD COLUMN audio_ms INTEGER NOT NULL DEFAULT 0;
  `,
  'CREATE INDEX connections_by_member ON connections (member, started_at)',
  ROLLUPS_STEP,
  FILL_ROLLUPS_STEP,
]

/** The version of the schema that this code reads and writes. */
export const SCHEMA_VERSION: number = STEPS.length

/**
 * Brings the file to this version, in one transaction under the write lock: of two processes at once the second finds
 * the work done. Throws StoreRefused when the file is newer than this code, or not a gateway's at all.
 */
export function migrate(db: Sqlite, path: string): void {
  db.transaction('write', () => {
    const found = db.run(versionOf(path))
    db.exec('CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)')
    for (const step of STEPS.slice(found)) db.exec(step)
    if (found < SCHEMA_VERSION) db.run(setVersion(SCHEMA_VERSION))
  })
}

/** The version of the file, 0 of a new one; writes nothing. Throws StoreRefused when `migrate` would. */
export function* versionOf(path: string): Script<number> {
  const rows = yield sql`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`
  const tables = rows.map((row) => text(row, 'name'))
  if (tables.length === 0) return 0
  if (!tables.includes('schema_version')) {
    throw new StoreRefused(
      `${path} is the database of another program (it has a table ${tables[0]}): give this gateway a file of its own`,
    )
  }
  const row = yield* one(sql`SELECT version FROM schema_version`)
  const found = row ? int(row, 'version') : 0
  if (found <= SCHEMA_VERSION) return found
  throw new StoreRefused(
    `the database ${path} has schema version ${found}, made by a newer codex-gateway; ` +
      `this one knows versions up to ${SCHEMA_VERSION}: upgrade it, or use another database`,
  )
}

function* setVersion(to: number): Script<void> {
  yield sql`DELETE FROM schema_version`
  yield sql`INSERT INTO schema_version (version) VALUES (${to})`
}
