import type { Tokenizer } from './tokens.ts'

/** What one delta event carries. */
export interface Piece {
  readonly text: string
  /** The text as JSON, ready to be put into an event. */
  readonly json: string
  /** OpenAI pads deltas so that their length on the wire says less about them. */
  readonly padding: string
  readonly tokens: number
}

const PADDING = 'k3XvQ9dLw7TzRb5N'

/** Cuts a text into the pieces in which a model would say it: words, each with the space before it. */
export function piecesOf(text: string, tokenizer: Tokenizer): readonly Piece[] {
  return (text.match(/\s*\S+\s*$|\s*\S+|\s+/g) ?? []).map((word) => pieceOf(word, tokenizer))
}

/** So many pieces, saying the words of the text over and over. */
export function piecesToSize(text: string, count: number, tokenizer: Tokenizer): readonly Piece[] {
  const words = text.trim().split(/\s+/)
  const pieces = words.map((word) => pieceOf(` ${word}`, tokenizer))
  const first = pieceOf(words[0] ?? '', tokenizer)
  return Array.from({ length: count }, (_, i) => (i === 0 ? first : (pieces[i % pieces.length] ?? first)))
}

export function textOf(pieces: readonly Piece[]): string {
  return pieces.map((piece) => piece.text).join('')
}

export function tokensIn(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, piece) => sum + piece.tokens, 0)
}

function pieceOf(text: string, tokenizer: Tokenizer): Piece {
  const padding = PADDING.slice(text.length % PADDING.length)
  return { text, json: JSON.stringify(text), padding, tokens: tokenizer.encode(text).length }
}
