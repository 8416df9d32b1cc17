import { deepEqual } from 'node:assert/strict'
import type { CallRow } from '../../src/ports.ts'
import type { TrueCall } from '../../src/simulator/simulator.ts'

interface Figures {
  readonly response: string | undefined
  readonly input: number
  readonly cached: number
  readonly written: number
  readonly output: number
  readonly reasoning: number
}

/** Every call whose terminal event the simulator wrote whole stands in the ledger once, with the simulator's figures. */
export function expectTruth(rows: readonly CallRow[], truth: readonly TrueCall[]): void {
  const exact = rows.filter((row) => row.precision === 'exact' && row.responseId !== undefined)
  deepEqual(
    exact.map(figuresOfRow).toSorted(byResponse),
    truth
      .filter((call) => call.terminal)
      .map(figuresOfTruth)
      .toSorted(byResponse),
  )
}

function figuresOfRow(row: CallRow): Figures {
  return {
    response: row.responseId,
    input: row.inputTokens,
    cached: row.cachedInputTokens,
    written: row.cacheWriteTokens,
    output: row.outputTokens,
    reasoning: row.reasoningTokens,
  }
}

function figuresOfTruth(call: TrueCall): Figures {
  return {
    response: call.id,
    input: call.inputTokens,
    cached: call.cachedInputTokens,
    written: call.cacheWriteTokens,
    output: call.outputTokens,
    reasoning: call.reasoningTokens,
  }
}

function byResponse(a: Figures, b: Figures): number {
  return (a.response ?? '') < (b.response ?? '') ? -1 : 1
}
