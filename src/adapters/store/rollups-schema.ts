/**
 * The sums of the calls, kept so that reports over years need not read them: steps of the schema, never edited once
 * released. Each row of `rollups` is the sums of one cube (rollups.ts) over one stretch of time and one group; what a
 * cube does not tell apart is 0 or empty in it, as is a model or an upstream that a call had none of.
 */
export const ROLLUPS_STEP: string = `
  CREATE TABLE rollups (
    cube INTEGER NOT NULL,
    at INTEGER NOT NULL,
    member INTEGER NOT NULL,
    gateway_key INTEGER NOT NULL,
    model TEXT NOT NULL,
    upstream INTEGER NOT NULL,
    kind TEXT NOT NULL,
    requests INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    inexact INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    cached_input_tokens INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    credits INTEGER NOT NULL,
    PRIMARY KEY (cube, at, member, gateway_key, model, upstream, kind)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE connection_rollups (
    length_ms INTEGER NOT NULL,
    at INTEGER NOT NULL,
    member INTEGER NOT NULL,
    connections INTEGER NOT NULL,
    client_messages INTEGER NOT NULL,
    upstream_messages INTEGER NOT NULL,
    PRIMARY KEY (length_ms, at, member)
  ) STRICT, WITHOUT ROWID;
`

/** Fills both from the rows that are there: the calls once, then the coarser sums from the finest. */
export const FILL_ROLLUPS_STEP: string = `
  INSERT INTO rollups
  SELECT 1, started_at - started_at % 3600000, member, gateway_key, COALESCE(model, ''), COALESCE(upstream, 0), kind,
    COUNT(*), SUM(messages), SUM(precision <> 'exact'), SUM(input_tokens), SUM(cached_input_tokens),
    SUM(cache_write_tokens), SUM(output_tokens), SUM(reasoning_tokens), SUM(credits)
  FROM calls WHERE ended_at IS NOT NULL AND ending <> 'refused'
  GROUP BY 2, 3, 4, 5, 6, 7;

  INSERT INTO rollups
  SELECT 2, at - at % 86400000, member, gateway_key, model, upstream, kind, SUM(requests), SUM(messages),
    SUM(inexact), SUM(input_tokens), SUM(cached_input_tokens), SUM(cache_write_tokens), SUM(output_tokens),
    SUM(reasoning_tokens), SUM(credits)
  FROM rollups WHERE cube = 1 GROUP BY 2, 3, 4, 5, 6, 7;

  INSERT INTO rollups
  SELECT 3, unixepoch(at / 1000, 'unixepoch', 'start of month') * 1000, member, gateway_key, model, upstream, kind,
    SUM(requests), SUM(messages), SUM(inexact), SUM(input_tokens), SUM(cached_input_tokens), SUM(cache_write_tokens),
    SUM(output_tokens), SUM(reasoning_tokens), SUM(credits)
  FROM rollups WHERE cube = 2 GROUP BY 2, 3, 4, 5, 6, 7;

  INSERT INTO rollups
  SELECT 4, at, member, gateway_key, '', 0, '', SUM(requests), SUM(messages), SUM(inexact), SUM(input_tokens),
    SUM(cached_input_tokens), SUM(cache_write_tokens), SUM(output_tokens), SUM(reasoning_tokens), SUM(credits)
  FROM rollups WHERE cube = 2 GROUP BY 2, 3, 4;

  INSERT INTO rollups
  SELECT 5, at, 0, 0, model, upstream, kind, SUM(requests), SUM(messages), SUM(inexact), SUM(input_tokens),
    SUM(cached_input_tokens), SUM(cache_write_tokens), SUM(output_tokens), SUM(reasoning_tokens), SUM(credits)
  FROM rollups WHERE cube = 2 GROUP BY 2, 5, 6, 7;

  INSERT INTO rollups
  SELECT 6, at, 0, 0, '', 0, '', SUM(requests), SUM(messages), SUM(inexact), SUM(input_tokens),
    SUM(cached_input_tokens), SUM(cache_write_tokens), SUM(output_tokens), SUM(reasoning_tokens), SUM(credits)
  FROM rollups WHERE cube = 1 GROUP BY 2;

  INSERT INTO connection_rollups
  SELECT 3600000, started_at - started_at % 3600000, member, COUNT(*), SUM(client_messages), SUM(upstream_messages)
  FROM connections GROUP BY 2, 3;

  INSERT INTO connection_rollups
  SELECT 86400000, at - at % 86400000, member, SUM(connections), SUM(client_messages), SUM(upstream_messages)
  FROM connection_rollups WHERE length_ms = 3600000 GROUP BY 2, 3;
`

/**
 * The sums of an hour that are not in `rollups` yet: a call settles into one row here, and a row goes into all cubes at
 * once later. Whoever reads sums reads both.
 */
export const FRESH_SUMS_STEP: string = `
  CREATE TABLE fresh_sums (
    at INTEGER NOT NULL,
    member INTEGER NOT NULL,
    gateway_key INTEGER NOT NULL,
    model TEXT NOT NULL,
    upstream INTEGER NOT NULL,
    kind TEXT NOT NULL,
    requests INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    inexact INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    cached_input_tokens INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    credits INTEGER NOT NULL,
    PRIMARY KEY (at, member, gateway_key, model, upstream, kind)
  ) STRICT, WITHOUT ROWID;
`

/**
 * Dollars beside credits. What was summed before has none: all of its calls count as unpriced, for neither tier nor length
 * stands in the sums, and the calls may be deleted.
 */
export const USD_SUMS_STEP: string = `
  ALTER TABLE rollups ADD COLUMN usd INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE rollups ADD COLUMN unpriced INTEGER NOT NULL DEFAULT 0;
  UPDATE rollups SET unpriced = requests;
  ALTER TABLE fresh_sums ADD COLUMN usd INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE fresh_sums ADD COLUMN unpriced INTEGER NOT NULL DEFAULT 0;
  UPDATE fresh_sums SET unpriced = requests;
`
