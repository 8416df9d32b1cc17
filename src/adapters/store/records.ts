import type { Choice } from '../../core/choice.ts'
import type { CallId, EpochMs, UpstreamId } from '../../core/units.ts'
import type { ClosedConnection, Entry, NewConnection, OpenCall } from '../../ports.ts'

/** What is promised before the database has it: an operation of the same name, and what it is asked. */
export type LedgerRecord =
  | { readonly open: OpenCall; readonly at: EpochMs }
  | {
      readonly attempt: CallId
      readonly upstream: UpstreamId
      readonly at: EpochMs
      readonly chosen?: Choice | undefined
    }
  | { readonly settle: Entry }
  | { readonly connected: NewConnection }
  | { readonly disconnected: ClosedConnection }

/** Money goes as text: JSON has no integers of its size. */
export function textOf(record: LedgerRecord): string {
  if ('open' in record) {
    const { open, at } = record
    const windows = open.windows.map((window) => ({ ...window, limit: String(window.limit) }))
    return JSON.stringify({ open: { ...open, hold: String(open.hold), windows }, at })
  }
  if (!('settle' in record)) return JSON.stringify(record)
  const { settle } = record
  return JSON.stringify({ settle: { ...settle, credits: String(settle.credits) } })
}

/** Of a text that `textOf` made, in this version or the one before. Throws where it is none. */
export function recordOf(text: string): LedgerRecord {
  const found = JSON.parse(text) as Written
  if ('open' in found) {
    const { open, at } = found
    const windows = open.windows.map((window) => ({ ...window, limit: BigInt(window.limit) }))
    return { open: { ...open, hold: BigInt(open.hold), windows }, at }
  }
  if ('settle' in found) return { settle: { ...found.settle, credits: BigInt(found.settle.credits) } }
  if ('attempt' in found || 'connected' in found || 'disconnected' in found) return found
  throw new Error(`no record of a ledger: ${Object.keys(found).join(', ')}`)
}

type Texts<T, K extends keyof T> = Omit<T, K> & Record<K, string>
type Written =
  | {
      readonly open: Omit<Texts<OpenCall, 'hold'>, 'windows'> & {
        readonly windows: readonly Texts<OpenCall['windows'][number], 'limit'>[]
      }
      readonly at: EpochMs
    }
  | Exclude<LedgerRecord, { open: OpenCall } | { settle: Entry }>
  | { readonly settle: Texts<Entry, 'credits'> }
