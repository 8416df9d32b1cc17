import { NARROW_SUMS_STEP } from '../src/adapters/store/narrow-sums-schema.ts'
import { FILL_ROLLUPS_STEP, USD_SUMS_STEP } from '../src/adapters/store/rollups-schema.ts'

/**
 * Makes all sums anew out of the calls that are in the tables, as the upgrade of a ledger that is older than they are: the
 * steps of the schema fill them without dollars first.
 */
export const SUMS_ANEW: string = `
  DELETE FROM rollups; DELETE FROM fresh_sums; DELETE FROM connection_rollups;
  DROP VIEW sums;
  ALTER TABLE rollups DROP COLUMN usd; ALTER TABLE rollups DROP COLUMN unpriced;
  ALTER TABLE fresh_sums DROP COLUMN usd; ALTER TABLE fresh_sums DROP COLUMN unpriced;
  ${FILL_ROLLUPS_STEP}
  ${USD_SUMS_STEP};
  ${NARROW_SUMS_STEP};
`
