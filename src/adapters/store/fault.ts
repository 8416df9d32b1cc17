import { LedgerUnavailable, NeverOpened, RegistryError } from '../../ports.ts'
import { StoreRefused } from './refused.ts'

/** An error in a form that passes between threads. */
export type Fault =
  | { readonly kind: 'unavailable'; readonly message: string }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'never-opened'; readonly message: string }
  | { readonly kind: 'registry'; readonly message: string; readonly code: RegistryError['code'] }
  /** Nothing that the caller can do about: a bug. With SQLite's result code, where it is SQLite's. */
  | {
      readonly kind: 'bug'
      readonly name: string
      readonly message: string
      readonly stack: string | undefined
      readonly errcode: number | undefined
    }

/**
 * SQLite's primary result codes (sqlite.org/rescode.html) that say the file cannot be had, read or written now:
 * PERM, BUSY, LOCKED, NOMEM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL (a race for the log's locks), NOTADB.
 */
const UNAVAILABLE: ReadonlySet<number> = new Set([3, 5, 6, 7, 8, 10, 11, 13, 14, 15, 26])

export function faultOf(error: unknown): Fault {
  if (error instanceof RegistryError) return { kind: 'registry', message: error.message, code: error.code }
  if (error instanceof StoreRefused) return { kind: 'refused', message: error.message }
  if (error instanceof LedgerUnavailable) return { kind: 'unavailable', message: error.message }
  if (error instanceof NeverOpened) return { kind: 'never-opened', message: error.message }
  if (!(error instanceof Error))
    return { kind: 'bug', name: 'Error', message: String(error), stack: undefined, errcode: undefined }
  if (isUnavailable(error)) return { kind: 'unavailable', message: `the database does not work: ${error.message}` }
  return { kind: 'bug', name: error.name, message: error.message, stack: error.stack, errcode: codeOf(error) }
}

export function errorOf(fault: Fault): Error {
  switch (fault.kind) {
    case 'unavailable':
      return new LedgerUnavailable(fault.message)
    case 'refused':
      return new StoreRefused(fault.message)
    case 'never-opened':
      return new NeverOpened(fault.message)
    case 'registry':
      return new RegistryError(fault.code, fault.message)
    case 'bug': {
      const error = new Error(fault.message)
      error.name = fault.name
      if (fault.stack !== undefined) error.stack = fault.stack
      return fault.errcode === undefined ? error : Object.assign(error, { errcode: fault.errcode })
    }
  }
}

/** SQLite's codes for what is wrong with what was asked: TOOBIG, CONSTRAINT, MISMATCH. */
const WRONG: ReadonlySet<number> = new Set([18, 19, 20])

/** Whether the same may go well another time: SQLite failed, and not at what it was given. */
export function mayPass(error: unknown): boolean {
  const code = error instanceof Error ? codeOf(error) : undefined
  return code !== undefined && !WRONG.has(primary(code))
}

function isUnavailable(error: Error): boolean {
  const code = codeOf(error)
  return code !== undefined && UNAVAILABLE.has(primary(code))
}

function codeOf(error: Error): number | undefined {
  return 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : undefined
}

/** The low byte is the primary code; the rest says more about it. */
function primary(code: number): number {
  return code & 0xff
}
