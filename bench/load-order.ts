/** What the load is asked to do. */
import type { RequestKind } from './requests.ts'

/** Connects, asks over HTTP, and reports. */
export interface RequestOrder {
  readonly do: 'request'
  readonly port: number
  readonly key: string
  readonly request: RequestKind
  readonly connections: number
  /** Every connection asks again and again for so long; 0: each asks once. */
  readonly durationMs: number
  /** The connections' first requests are spread over so long. */
  readonly rampMs: number
  /** What a right answer's body has. */
  readonly answerBytes: number
  /** Whether events carry the instant at which they were sent. */
  readonly stamped: boolean
}

/** Opens WebSockets, each with a handshake and a conversation of its own. */
export interface OpenOrder {
  readonly do: 'open'
  readonly port: number
  readonly key: string
  readonly sockets: number
  /** How large the message of a turn is. */
  readonly bodyBytes: number
}

/** Has the WebSockets that are open make their turns, and reports. */
export interface TurnOrder {
  readonly do: 'turn'
  /** Every socket begins its next turn when one has ended, for so long; 0: each makes one. */
  readonly durationMs: number
  readonly rampMs: number
  /** What a right answer's frames carry together. */
  readonly answerBytes: number
  readonly stamped: boolean
}

/** Closes them. */
export interface CloseOrder {
  readonly do: 'close'
}

export type LoadOrder = RequestOrder | OpenOrder | TurnOrder | CloseOrder
