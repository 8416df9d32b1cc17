/** How tokens are counted: `bytes` calls four bytes one token, which is only good for benchmarks. */
export type Counting = 'bpe' | 'bytes'

/** Turns text into tokens. Not to be changed: the same text is given the same array again. */
export interface Tokenizer {
  readonly encode: (text: string) => Uint32Array
  /** For the tokens of a text, one after the other: a character of several tokens comes with the last of them. */
  readonly decode: (token: Uint32Array) => string
}

/** What the memory of encoded texts may hold, in characters of text. */
const MEMORY_CHARACTERS = 16 * 1024 * 1024
/** Longer texts are encoded anew each time: they would push out everything else. */
const MEMORABLE_CHARACTERS = 1024 * 1024

/**
 * Opens a tokenizer. The vocabulary of `bpe` (o200k_base) takes 100 ms to load and is loaded here.
 *
 * Throws an Error which says what to install when the optional package gpt-tokenizer is absent.
 */
export async function openTokenizer(counting: Counting): Promise<Tokenizer> {
  return remembering(counting === 'bytes' ? { encode: encodeBytes, decode: decodeBytes } : await loadBpe())
}

/** Throws the same Error as `openTokenizer` would, without loading anything. */
export function requireTokenizer(counting: Counting): void {
  if (counting === 'bytes') return
  try {
    import.meta.resolve('gpt-tokenizer/encoding/o200k_base')
  } catch (cause) {
    throw notInstalled(cause)
  }
}

async function loadBpe(): Promise<Tokenizer> {
  const { encode, decode } = await import('gpt-tokenizer/encoding/o200k_base').catch((cause: unknown) => {
    throw notInstalled(cause)
  })
  // Prompts may quote special tokens such as <|endoftext|>; here they are text like any other.
  const plain = { disallowedSpecial: new Set<string>() }
  return { encode: (text) => Uint32Array.from(encode(text, plain)), decode: (token) => decode(token) }
}

function notInstalled(cause: unknown): Error {
  const missing = 'the simulator counts tokens with the optional package gpt-tokenizer, which is not installed'
  return new Error(`${missing}: run \`npm install gpt-tokenizer\`, or count with tokens: 'bytes'`, { cause })
}

function encodeBytes(text: string): Uint32Array {
  const tokens = new Uint32Array(Math.ceil(Buffer.byteLength(text) / 4))
  Buffer.from(tokens.buffer).write(text)
  return tokens
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

function decodeBytes(token: Uint32Array): string {
  const bytes = new Uint8Array(token.buffer, token.byteOffset, token.byteLength)
  // The last token of a text is filled up with zeros.
  return utf8.decode(bytes, { stream: true }).replace(/\0+$/, '')
}

/** Keeps what it has encoded: a Codex thread sends the same items again with every request. */
function remembering({ encode, decode }: Tokenizer): Tokenizer {
  const memory = new Map<string, Uint32Array>()
  let characters = 0
  return {
    decode,
    encode(text) {
      const known = memory.get(text)
      if (known !== undefined) return known
      const tokens = encode(text)
      if (text.length > MEMORABLE_CHARACTERS) return tokens
      characters += text.length
      memory.set(text, tokens)
      for (const oldest of memory.keys()) {
        if (characters <= MEMORY_CHARACTERS) break
        memory.delete(oldest)
        characters -= oldest.length
      }
      return tokens
    },
  }
}
