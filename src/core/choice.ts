/** Why a call was tried at the key it was tried at, in words that the ledger keeps. */

/**
 * What left the coordinator fewer keys than serve the model: the WebSocket that the conversation has already, the project
 * that stores the response it goes on from, the organization that owns its ciphertext, or tries that failed. Said only
 * where it did leave fewer.
 */
export const NARROWINGS = ['line', 'response', 'owner', 'retry'] as const
export type Narrowing = (typeof NARROWINGS)[number]

/**
 * How the coordinator chose among those: the one that the conversation had; the only one there was; the only one of several
 * that had room and was well; the one whose turn it was by load and weight; or one that was not well, for lack of a better.
 */
export const MANNERS = ['pinned', 'only', 'only-free', 'fair', 'last-resort'] as const
export type Manner = (typeof MANNERS)[number]

/** `fair`, `owner:pinned`; behind `line:` stands how its key was chosen when it was opened. */
export type Choice = Manner | `${Narrowing}:${Manner}`

export function choiceOf(narrowing: Narrowing | undefined, manner: Manner): Choice {
  return narrowing === undefined ? manner : `${narrowing}:${manner}`
}
