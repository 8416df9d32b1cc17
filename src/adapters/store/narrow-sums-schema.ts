/**
 * Narrower sums for reports over long times: of a month by member and key, and by model, upstream and kind; of a day and a
 * month by member, key and model. Filled from those that are there. The view has all sums, with those that are fresh.
 */
export const NARROW_SUMS_STEP: string = `
  INSERT INTO rollups
  SELECT 7, at, member, gateway_key, '', 0, '',
    SUM(requests), SUM(messages), SUM(inexact), SUM(input_tokens), SUM(cached_input_tokens),
    SUM(cache_write_tokens), SUM(output_tokens), SUM(reasoning_tokens), SUM(credits), SUM(usd), SUM(unpriced)
  FROM rollups WHERE cube = 3 GROUP BY at, member, gateway_key;

  INSERT INTO rollups
  SELECT 8, at, 0, 0, model, upstream, kind,
    SUM(requests), SUM(messages), SUM(inexact), SUM(input_tokens), SUM(cached_input_tokens),
    SUM(cache_write_tokens), SUM(output_tokens), SUM(reasoning_tokens), SUM(credits), SUM(usd), SUM(unpriced)
  FROM rollups WHERE cube = 3 GROUP BY at, model, upstream, kind;

  INSERT INTO rollups
  SELECT 9, at, member, gateway_key, model, 0, '',
    SUM(requests), SUM(messages), SUM(inexact), SUM(input_tokens), SUM(cached_input_tokens),
    SUM(cache_write_tokens), SUM(output_tokens), SUM(reasoning_tokens), SUM(credits), SUM(usd), SUM(unpriced)
  FROM rollups WHERE cube = 2 GROUP BY at, member, gateway_key, model;

  INSERT INTO rollups
  SELECT 10, at, member, gateway_key, model, 0, '',
    SUM(requests), SUM(messages), SUM(inexact), SUM(input_tokens), SUM(cached_input_tokens),
    SUM(cache_write_tokens), SUM(output_tokens), SUM(reasoning_tokens), SUM(credits), SUM(usd), SUM(unpriced)
  FROM rollups WHERE cube = 3 GROUP BY at, member, gateway_key, model;

  CREATE VIEW sums AS
  SELECT * FROM rollups UNION ALL
  SELECT 1, at, member, gateway_key, model, upstream, kind,
    requests, messages, inexact, input_tokens,
    cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits, usd, unpriced FROM fresh_sums UNION ALL
  SELECT 2, at - at % 86400000, member, gateway_key, model, upstream, kind,
    requests, messages, inexact, input_tokens,
    cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits, usd, unpriced FROM fresh_sums UNION ALL
  SELECT 3, unixepoch(at / 1000, 'unixepoch', 'start of month') * 1000, member, gateway_key, model, upstream, kind,
    requests, messages, inexact, input_tokens,
    cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits, usd, unpriced FROM fresh_sums UNION ALL
  SELECT 4, at - at % 86400000, member, gateway_key, '', 0, '',
    requests, messages, inexact, input_tokens,
    cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits, usd, unpriced FROM fresh_sums UNION ALL
  SELECT 5, at - at % 86400000, 0, 0, model, upstream, kind,
    requests, messages, inexact, input_tokens,
    cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits, usd, unpriced FROM fresh_sums UNION ALL
  SELECT 6, at, 0, 0, '', 0, '',
    requests, messages, inexact, input_tokens,
    cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits, usd, unpriced FROM fresh_sums UNION ALL
  SELECT 7, unixepoch(at / 1000, 'unixepoch', 'start of month') * 1000, member, gateway_key, '', 0, '',
    requests, messages, inexact, input_tokens,
    cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits, usd, unpriced FROM fresh_sums UNION ALL
  SELECT 8, unixepoch(at / 1000, 'unixepoch', 'start of month') * 1000, 0, 0, model, upstream, kind,
    requests, messages, inexact, input_tokens,
    cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits, usd, unpriced FROM fresh_sums UNION ALL
  SELECT 9, at - at % 86400000, member, gateway_key, model, 0, '',
    requests, messages, inexact, input_tokens,
    cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits, usd, unpriced FROM fresh_sums UNION ALL
  SELECT 10, unixepoch(at / 1000, 'unixepoch', 'start of month') * 1000, member, gateway_key, model, 0, '',
    requests, messages, inexact, input_tokens,
    cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits, usd, unpriced FROM fresh_sums
`
