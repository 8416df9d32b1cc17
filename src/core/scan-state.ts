import { CARRIAGE_RETURN, LINE_FEED, SPACE } from './ascii.ts'
import type { Watch } from './watch.ts'

export const WHITE_SPACE: ReadonlySet<number> = new Set([SPACE, LINE_FEED, CARRIAGE_RETURN, 0x09])
/** What a number or a literal may begin with. */
export const SCALAR_STARTS: ReadonlySet<number> = new Set(Array.from('-0123456789tfn', (c) => c.charCodeAt(0)))

/** What the scanner expects next. */
export type State =
  | 'value'
  | 'key-or-end'
  | 'key'
  | 'in-key'
  | 'colon'
  | 'after'
  | 'string'
  | 'scalar'
  | 'skip'
  | 'skip-string'
  | 'done'
  | 'bad'

/** An object or array that the scanner is inside of, on the way to a watched place. */
export interface Frame {
  readonly array: boolean
  readonly watch: Watch | undefined
  readonly place: string
  key: string
  /** Elements begun; of the array around it where this is an object. */
  index: number
  /** Watched keys met so far: a second one would be read differently by different parsers. */
  readonly met: Set<string> | undefined
}
