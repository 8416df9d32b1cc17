/** What members may spend: steps of the schema, never edited once released. */

/** Windows of a day and a month, and members' own rules. Running totals, by the minute, for windows that roll. */
export const MORE_WINDOWS_STEP: string = `
  ALTER TABLE members ADD COLUMN daily_quota INTEGER;
  ALTER TABLE members ADD COLUMN monthly_quota INTEGER;
  ALTER TABLE members ADD COLUMN quota_window TEXT;
  ALTER TABLE calls ADD COLUMN window_daily INTEGER;
  ALTER TABLE calls ADD COLUMN window_monthly INTEGER;
  CREATE TABLE spend (
    member INTEGER NOT NULL REFERENCES members (id),
    minute INTEGER NOT NULL,
    total INTEGER NOT NULL,
    PRIMARY KEY (member, minute)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO spend (member, minute, total)
    SELECT member, minute, SUM(credits) OVER (PARTITION BY member ORDER BY minute)
    FROM (
      SELECT member, ended_at - ended_at % 60000 AS minute, SUM(credits) AS credits FROM calls
      WHERE ended_at > (SELECT MAX(ended_at) FROM calls) - 2592000000 AND credits <> 0
      GROUP BY member, ended_at - ended_at % 60000
    );
  `

/** Whether a grant ends with its window, also when that is reset; else it lasts until its own end. */
export const GRANTS_STEP: string = `
  ALTER TABLE quota_adjustments ADD COLUMN with_window INTEGER NOT NULL DEFAULT 0;
  UPDATE quota_adjustments SET with_window = 1
  WHERE kind = 'grant' AND EXISTS (
    SELECT 1 FROM windows w
    WHERE w.member = quota_adjustments.member AND w.name = quota_adjustments.window
      AND w.resets_at = quota_adjustments.until);
`
