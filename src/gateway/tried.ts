import { LedgerUnavailable } from '../ports.ts'
import type { Patience } from './patience.ts'

const AGAIN_MS = 250
/** A commit is no queue: it gets this long even where nothing may be waited for. */
const LEAST_MS = 1000

/**
 * Does something at the ledger, again and again within `patience` while the ledger is away. What the ledger answers
 * when patience is over goes to `late`; undefined where it gave no answer in time and did it all the same.
 */
export async function tried<T>(
  act: () => Promise<T>,
  patience: Patience,
  late: (value: T | undefined) => void = () => undefined,
): Promise<T> {
  const { promise: hadInTime, resolve: ended } = Promise.withResolvers<boolean>()
  const noted = async (): Promise<T> => {
    try {
      return await act()
    } catch (cause) {
      const later = cause instanceof LedgerUnavailable ? cause.later : undefined
      // It may be done while the next try waits behind it: only in the end it is known whether anybody heard of it.
      void Promise.all([later, hadInTime]).then(([isDone, isHad]) => isDone && !isHad && late(undefined))
      throw cause
    }
  }
  try {
    const value = await again(noted, patience, late)
    ended(true)
    return value
  } catch (cause) {
    ended(false)
    throw cause
  }
}

async function again<T>(act: () => Promise<T>, patience: Patience, late: (value: T) => void): Promise<T> {
  for (;;) {
    try {
      return await patience.within('ledger', act, late, LEAST_MS)
    } catch (cause) {
      if (!(cause instanceof LedgerUnavailable)) throw cause
      await patience.sleep('ledger', AGAIN_MS)
    }
  }
}
