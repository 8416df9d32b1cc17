import { randomBytes } from 'node:crypto'

const POOL_BYTES = 24 * 256
let pool = randomBytes(POOL_BYTES)
let used = 0

/** A new id in OpenAI's manner: a prefix, an underscore and 48 hexadecimal digits. */
export function newId(prefix: string): string {
  if (used === POOL_BYTES) [pool, used] = [randomBytes(POOL_BYTES), 0]
  used += 24
  return `${prefix}_${pool.toString('hex', used - 24, used)}`
}
