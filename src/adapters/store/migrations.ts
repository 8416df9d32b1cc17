import { LEAN_ATTEMPTS_STEP, MAY_BE_MESSAGE_STEP, OWNERS_STEP, STORED_STEP } from './calls-schema.ts'
import { GRANTS_STEP, MORE_WINDOWS_STEP } from './quota-schema.ts'
import { NARROW_SUMS_STEP } from './narrow-sums-schema.ts'
import { PRUNED_SUMS_STEP } from './pruned-sums-schema.ts'
import { FILL_ROLLUPS_STEP, FRESH_SUMS_STEP, ROLLUPS_STEP, USD_SUMS_STEP } from './rollups-schema.ts'

/**
 * The schema, step by step; a step that was released is never edited. Money is in nanocredits, times in milliseconds
 * since 1970. STRICT, so that no amount can turn into a floating-point number.
 */
export const STEPS: readonly string[] = [
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
  // What estimates are learned from.
  `
  ALTER TABLE calls ADD COLUMN request_bytes INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE calls ADD COLUMN output_bytes INTEGER NOT NULL DEFAULT 0;
  `,
  // What administrators set prices to, in nanocredits per token; a row that was taken back stays.
  `
  CREATE TABLE rates (
    id INTEGER PRIMARY KEY,
    model TEXT NOT NULL,
    from_day TEXT,
    input INTEGER NOT NULL,
    cached INTEGER NOT NULL,
    output INTEGER NOT NULL,
    cache_write INTEGER,
    set_by TEXT NOT NULL,
    set_at INTEGER NOT NULL,
    unset_by TEXT,
    unset_at INTEGER
  ) STRICT;
  CREATE UNIQUE INDEX rates_in_use ON rates (model, COALESCE(from_day, '')) WHERE unset_at IS NULL;
  `,
  // What settled calls cost before they were priced again. A call's row may be deleted before this one.
  `
  CREATE TABLE adjustments (
    id INTEGER PRIMARY KEY,
    call TEXT NOT NULL,
    old_credits INTEGER NOT NULL,
    new_credits INTEGER NOT NULL,
    old_rate TEXT,
    new_rate TEXT NOT NULL,
    adjusted_by TEXT NOT NULL,
    adjusted_at INTEGER NOT NULL,
    reason TEXT NOT NULL
  ) STRICT;
  CREATE INDEX adjustments_by_call ON adjustments (call);
  `,
  // OpenAI's books: the keys that read them, and how they call the upstream keys.
  `
  CREATE TABLE admin_keys (
    id INTEGER PRIMARY KEY,
    organization TEXT NOT NULL UNIQUE,
    enabled INTEGER NOT NULL,
    secret BLOB NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT;
  ALTER TABLE upstreams ADD COLUMN api_key_id TEXT;
  `,
  // What administrators changed of members' windows. A reset names the window that it ended and the total of that moment.
  `
  CREATE TABLE quota_adjustments (
    id INTEGER PRIMARY KEY,
    member INTEGER NOT NULL REFERENCES members (id),
    made_at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    window TEXT NOT NULL,
    credits INTEGER NOT NULL,
    until INTEGER NOT NULL,
    ended_window INTEGER REFERENCES windows (id),
    reset_total INTEGER,
    who TEXT NOT NULL,
    why TEXT
  ) STRICT;
  CREATE INDEX quota_adjustments_in_force ON quota_adjustments (member, until);
  CREATE INDEX quota_adjustments_ended ON quota_adjustments (ended_window);
  `,
  // The highest threshold, in percent, that was told of in the window.
  'ALTER TABLE windows ADD COLUMN warned INTEGER NOT NULL DEFAULT 0',
  // How a call would have been refused that passed because quotas were not enforced.
  'ALTER TABLE calls ADD COLUMN would_refuse TEXT',
  MORE_WINDOWS_STEP,
  ROLLUPS_STEP,
  FILL_ROLLUPS_STEP,
  FRESH_SUMS_STEP,
  OWNERS_STEP,
  LEAN_ATTEMPTS_STEP,
  // Why the upstream was chosen: a word of core/choice.ts; unknown of older ones.
  'ALTER TABLE attempts ADD COLUMN chosen TEXT',
  // Warnings of quotas that were not delivered yet, in the order in which they were due.
  `
  CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    made_at INTEGER NOT NULL,
    member INTEGER NOT NULL REFERENCES members (id),
    window TEXT NOT NULL,
    percent INTEGER NOT NULL,
    settled INTEGER NOT NULL,
    quota INTEGER NOT NULL,
    resets_at INTEGER
  ) STRICT;
  `,
  PRUNED_SUMS_STEP,
  // What a message costs on average; a row that has it says nothing of tokens, whose prices are 0 in it.
  `
  ALTER TABLE rates ADD COLUMN message INTEGER;
  DROP INDEX rates_in_use;
  CREATE UNIQUE INDEX rates_in_use ON rates (model, COALESCE(from_day, ''), message IS NULL) WHERE unset_at IS NULL;
  `,
  USD_SUMS_STEP,
  NARROW_SUMS_STEP,
  STORED_STEP,
  // How far the database has what stands in the journal that the process writes (journal.ts).
  'ALTER TABLE instances ADD COLUMN applied INTEGER NOT NULL DEFAULT 0',
  GRANTS_STEP,
  MAY_BE_MESSAGE_STEP,
  'ALTER TABLE meta ADD COLUMN reconcile_from INTEGER', // due-day.ts
  // What a minute of audio costs that is counted by its length, in nanocredits.
  'ALTER TABLE rates ADD COLUMN minute INTEGER',
  'CREATE TABLE ballast (id INTEGER PRIMARY KEY, room BLOB NOT NULL) STRICT', // `probeRoom`
]
