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

/** Cuts a text into its tokens, as OpenAI streams it; a character of several tokens is one piece. */
export function tokensOf(text: string, tokenizer: Tokenizer): readonly Piece[] {
  const pieces: Piece[] = []
  const tokens = tokenizer.encode(text)
  let from = 0
  for (let to = 1; to <= tokens.length; to += 1) {
    const said = tokenizer.decode(tokens.subarray(to - 1, to))
    if (said === '') continue
    pieces.push(pieceWith(said, to - from))
    from = to
  }
  return pieces
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
  return pieceWith(text, tokenizer.encode(text).length)
}

function pieceWith(text: string, tokens: number): Piece {
  return { text, json: JSON.stringify(text), padding: PADDING.slice(text.length % PADDING.length), tokens }
}
