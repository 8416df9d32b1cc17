/**
 * Waits for something that goes on by itself, but not for long: undefined when it takes longer than `ms`, or fails,
 * which is for its owner to tell.
 */
export async function soon<T>(outcome: Promise<T>, ms: number): Promise<T | undefined> {
  return await new Promise<T | undefined>((resolve) => {
    const timer = setTimeout(resolve, ms, undefined)
    outcome.then(resolve, () => resolve(undefined)).finally(() => clearTimeout(timer))
  })
}

/** How long a caller who is refused waits for the ledger. */
export const REFUSED_MS = 500
/** How long the last message of an answer waits for the answer's settlement. */
export const SETTLE_MS = 500
