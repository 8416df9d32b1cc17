/** What became of the columns of a call and its tries: steps of the schema, never edited once released. */

/**
 * Whose key a conversation's last answer came from, by the id of its thread and by that of its session. It stands here
 * instead of in two indexes of the calls, for it seldom changes.
 */
export const OWNERS_STEP: string = `
  CREATE TABLE owners (
    member INTEGER NOT NULL REFERENCES members (id),
    conversation TEXT NOT NULL,
    named_by TEXT NOT NULL CHECK (named_by IN ('session', 'thread')),
    upstream INTEGER NOT NULL REFERENCES upstreams (id),
    organization TEXT,
    answered_at INTEGER NOT NULL,
    PRIMARY KEY (member, conversation, named_by)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX owners_by_time ON owners (answered_at);
  INSERT INTO owners (member, conversation, named_by, upstream, organization, answered_at)
    SELECT member, thread_id, 'thread', upstream, organization, MAX(ended_at) FROM calls
    WHERE thread_id IS NOT NULL AND upstream IS NOT NULL AND status < 300 AND ended_at IS NOT NULL
    GROUP BY member, thread_id;
  INSERT INTO owners (member, conversation, named_by, upstream, organization, answered_at)
    SELECT member, session_id, 'session', upstream, organization, MAX(ended_at) FROM calls
    WHERE session_id IS NOT NULL AND upstream IS NOT NULL AND status < 300 AND ended_at IS NOT NULL
    GROUP BY member, session_id;
  DROP INDEX calls_by_thread;
  DROP INDEX calls_by_session;

  DROP INDEX calls_by_turn;
  CREATE INDEX calls_by_message ON calls (member, turn_id) WHERE messages = 1;
`

/** The attempts of a call in one tree instead of two. */
export const LEAN_ATTEMPTS_STEP: string = `
  CREATE TABLE lean_attempts (
    call INTEGER NOT NULL REFERENCES calls (seq),
    number INTEGER NOT NULL,
    upstream INTEGER NOT NULL REFERENCES upstreams (id),
    started_at INTEGER NOT NULL,
    status INTEGER,
    error_class TEXT,
    sent INTEGER,
    duration_ms INTEGER,
    PRIMARY KEY (call, number)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO lean_attempts
    SELECT call, number, upstream, started_at, status, error_class, sent, duration_ms FROM attempts;
  DROP TABLE attempts;
  ALTER TABLE lean_attempts RENAME TO attempts;
`

/**
 * Only what upstream keeps is ever looked for by its id, and Codex has it keep nothing. Of older calls it is not known: NULL,
 * and looked for as before.
 */
export const STORED_STEP: string = `
  ALTER TABLE calls ADD COLUMN stored INTEGER;
  DROP INDEX calls_by_response;
  CREATE INDEX calls_by_stored ON calls (member, response_id) WHERE response_id IS NOT NULL AND stored IS NOT 0;
`

/** What a call that is left open is charged by, beside its hold and its rate; not known of those that were opened before. */
export const MAY_BE_MESSAGE_STEP: string = 'ALTER TABLE calls ADD COLUMN may_be_message INTEGER'
