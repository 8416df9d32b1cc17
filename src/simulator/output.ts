import type { Piece } from './pieces.ts'

/** What a model puts out, before it is spread over events. */
export type OutputItem = Reasoning | Message | ToolCall | Compaction

export interface Reasoning {
  readonly kind: 'reasoning'
  readonly tokens: number
  /** Only where the request asked for it. */
  readonly ciphertext: string | undefined
  /** Only where the request asked for summaries. */
  readonly summary: string | undefined
}

export interface Message {
  readonly kind: 'message'
  readonly pieces: readonly Piece[]
}

/** Of a function the pieces are its arguments as JSON, of a custom tool its input. */
export interface ToolCall {
  readonly kind: 'function_call' | 'custom_tool_call'
  readonly name: string
  readonly pieces: readonly Piece[]
}

export interface Compaction {
  readonly kind: 'compaction'
  readonly tokens: number
  readonly ciphertext: string
}
