/** Whether a grant ends with its window, also when that is reset; else it lasts until its own end. */
export const GRANTS_STEP: string = `
  ALTER TABLE quota_adjustments ADD COLUMN with_window INTEGER NOT NULL DEFAULT 0;
  UPDATE quota_adjustments SET with_window = 1
  WHERE kind = 'grant' AND EXISTS (
    SELECT 1 FROM windows w
    WHERE w.member = quota_adjustments.member AND w.name = quota_adjustments.window
      AND w.resets_at = quota_adjustments.until);
`
