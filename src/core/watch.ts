/**
 * What to look for in a JSON text: `'value'` captures the value, `'presence'` only tells that it is there and not
 * null, an object looks inside (and a string in its place is told as present). The key `'*'` stands for every element of an array.
 */
export interface Watch {
  readonly [key: string]: Watch | 'value' | 'presence'
}

/** A watched value that is longer than the scanner keeps. */
export const TOO_LONG: unique symbol = Symbol('too long')

/** Where a value stands: the element of the innermost array around it, and its bytes in the whole text. */
export interface Position {
  readonly index: number
  readonly from: number
  readonly to: number
}

/** Called with the place (`input.*.type`) and the parsed value; `undefined` for `'presence'`. */
export type Found = (place: string, value: unknown, position: Position) => void
