import { asObject, type JsonObject } from './json.ts'

/** Says what is wrong with a value, or undefined when it is right. */
export type Check = (value: unknown) => string | undefined

/** The checks of an object's fields. All are optional unless `required` names them. */
export interface Shape {
  readonly fields: Readonly<Record<string, Check>>
  readonly required?: readonly string[]
}

/**
 * Reads `value` as an object of this shape.
 *
 * Throws a TypeError which names the field, what was wrong and what would be right;
 * a field that the shape does not know is wrong too. A field that is undefined counts as absent.
 */
export function checkShape(value: unknown, name: string, shape: Shape): JsonObject {
  const object = asObject(value)
  if (object === undefined) throw new TypeError(`${name} must be an object, not ${show(value)}`)
  for (const [field, given] of Object.entries(object)) {
    const check = Object.hasOwn(shape.fields, field) ? shape.fields[field] : undefined
    if (check === undefined) {
      throw new TypeError(`${name}.${field} is not known; known are ${Object.keys(shape.fields).join(', ')}`)
    }
    const problem = given === undefined ? undefined : check(given)
    if (problem !== undefined) throw new TypeError(`${name}.${field} must be ${problem}, not ${show(given)}`)
  }
  for (const field of shape.required ?? []) {
    if (object[field] === undefined) throw new TypeError(`${name}.${field} is missing`)
  }
  return object
}

export const text: Check = (value) =>
  typeof value === 'string' && value !== '' ? undefined : 'a text that is not empty'

export const flag: Check = (value) => (typeof value === 'boolean' ? undefined : 'true or false')

export const anything: Check = () => undefined

export function whole(from: number, to: number = Number.MAX_SAFE_INTEGER): Check {
  const range = to === Number.MAX_SAFE_INTEGER ? `${from} or more` : `from ${from} to ${to}`
  return (value) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= from && value <= to
      ? undefined
      : `a whole number, ${range}`
}

export const positive: Check = (value) =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 ? undefined : 'a number above 0'

export function oneOf(...values: readonly (string | null)[]): Check {
  return (value) => (values.some((known) => known === value) ? undefined : `one of ${JSON.stringify(values)}`)
}

export function either(...checks: readonly Check[]): Check {
  return (value) => {
    const problems = checks.map((check) => check(value))
    return problems.includes(undefined) ? undefined : problems.join(', or ')
  }
}

/** An object of this shape; a wrong field inside throws by itself, under its full name. */
export function shaped(name: string, shape: Shape): Check {
  return (value) => {
    if (asObject(value) === undefined) return `an object with ${Object.keys(shape.fields).join(', ')}`
    checkShape(value, name, shape)
    return undefined
  }
}

export function listOf(what: string, check: Check): Check {
  return (value) =>
    Array.isArray(value) && value.every((one) => check(one) === undefined) ? undefined : `a list of ${what}`
}

/** An object whose values all pass. */
export function mapOf(what: string, check: Check): Check {
  return (value) => {
    const object = asObject(value)
    const good = object !== undefined && Object.values(object).every((one) => check(one) === undefined)
    return good ? undefined : `an object of ${what}`
  }
}

function show(value: unknown): string {
  const shown = JSON.stringify(value) ?? typeof value
  return shown.length > 80 ? `${shown.slice(0, 80)}…` : shown
}
