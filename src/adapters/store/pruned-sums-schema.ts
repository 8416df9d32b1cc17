/** What is kept of deleted calls for the comparison with OpenAI's books, and how many calls that are in the sums went. */
export const PRUNED_SUMS_STEP: string = `
  CREATE TABLE pruned_sums (
    day INTEGER NOT NULL,
    upstream INTEGER NOT NULL,
    model TEXT NOT NULL,
    side TEXT NOT NULL,
    tier TEXT NOT NULL,
    long INTEGER NOT NULL,
    priced_on INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    input INTEGER NOT NULL,
    cached INTEGER NOT NULL,
    output INTEGER NOT NULL,
    written INTEGER NOT NULL,
    input_audio INTEGER NOT NULL,
    cached_audio INTEGER NOT NULL,
    input_image INTEGER NOT NULL,
    cached_image INTEGER NOT NULL,
    output_audio INTEGER NOT NULL,
    over_midnight INTEGER NOT NULL,
    PRIMARY KEY (day, upstream, model, side, tier, long, priced_on)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE pruned_days (
    day INTEGER PRIMARY KEY,
    calls INTEGER NOT NULL
  ) STRICT;
`
