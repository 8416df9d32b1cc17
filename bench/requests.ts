/** The requests of the benchmark: a member's, in Codex's words, as bytes that are made once. */
import { randomBytes, randomUUID } from 'node:crypto'

export interface RequestKind {
  readonly stream: boolean
  /** How large the body is. */
  readonly bodyBytes: number
}

/** A whole request of a conversation of its own. Headers and body have the shape that codex-cli 0.169 gives them. */
export function requestBytes(key: string, kind: RequestKind): Buffer {
  const thread = randomUUID()
  const body = Buffer.from(bodyOf(kind, thread))
  const turn = { turn_id: randomUUID(), thread_id: thread, session_id: thread, sandbox: 'seatbelt' }
  const head = [
    'POST /v1/responses HTTP/1.1',
    'host: 127.0.0.1',
    `authorization: Bearer ${key}`,
    'user-agent: codex_cli_rs/0.169.0 (Debian 12.0.0; x86_64) xterm-256color',
    'originator: codex_cli_rs',
    'content-type: application/json',
    `accept: ${kind.stream ? 'text/event-stream' : 'application/json'}`,
    `session-id: ${thread}`,
    `thread-id: ${thread}`,
    `x-codex-turn-metadata: ${JSON.stringify(turn)}`,
    `content-length: ${body.length}`,
  ]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body])
}

/** The handshake of a WebSocket as codex-cli 0.169 writes it. */
export function handshakeBytes(key: string, thread: string): Buffer {
  const turn = { turn_id: '', thread_id: thread, session_id: thread, sandbox: 'seatbelt', request_kind: 'prewarm' }
  const head = [
    'GET /v1/responses HTTP/1.1',
    'host: 127.0.0.1',
    'connection: Upgrade',
    'upgrade: websocket',
    'sec-websocket-version: 13',
    `sec-websocket-key: ${randomBytes(16).toString('base64')}`,
    'sec-websocket-extensions: permessage-deflate; client_max_window_bits',
    `authorization: Bearer ${key}`,
    'user-agent: codex_cli_rs/0.169.0 (Debian 12.0.0; x86_64) xterm-256color',
    'originator: codex_cli_rs',
    'openai-beta: responses_websockets=2026-02-06',
    `x-codex-turn-metadata: ${JSON.stringify(turn)}`,
    'x-codex-beta-features: remote_compaction_v2',
    `x-client-request-id: ${thread}`,
    `session-id: ${thread}`,
    `thread-id: ${thread}`,
    `x-codex-window-id: ${thread}:0`,
    'version: 0.169.0',
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n`)
}

/** The message that begins a turn. */
export function turnText(thread: string, bodyBytes: number): string {
  const type = '{"type":"response.create",'
  return type + bodyOf({ stream: true, bodyBytes: bodyBytes - type.length + 1 }, thread).slice(1)
}

/** The history of a conversation, as long as it takes; reasoning in it is ciphertext, as OpenAI gives it back. */
function bodyOf({ stream, bodyBytes }: RequestKind, thread: string): string {
  const input: object[] = [message('user', 'Make the tests pass.')]
  let length = JSON.stringify(whole(stream, thread, input)).length
  for (let round = 0; bodyBytes - length > ROUND_BYTES; round++) {
    const items = roundOf(round)
    input.push(...items)
    length += items.reduce<number>((sum, item) => sum + JSON.stringify(item).length + 1, 0)
  }
  // What is missing goes into the last message.
  const last = message('user', '')
  const missing = bodyBytes - length - JSON.stringify(last).length - 1
  input.push(message('user', 'x'.repeat(Math.max(0, missing))))
  return JSON.stringify(whole(stream, thread, input))
}

/** At least what one round of a conversation takes. */
const ROUND_BYTES = 8000

function roundOf(round: number): object[] {
  const id = `call_${String(round).padStart(24, '0')}`
  const command = JSON.stringify({ command: ['bash', '-lc', 'sed -n 1,80p src/window.ts'], workdir: '/home/dev/app' })
  const lines = 'export function at(row: number, "column": number): string {\n  return `${row}`\n}\n'.repeat(40)
  return [
    { type: 'reasoning', summary: [], encrypted_content: `gAAAAAB${'pQ7x'.repeat(300)}` },
    { type: 'function_call', name: 'shell', arguments: command, call_id: id },
    { type: 'function_call_output', call_id: id, output: lines },
    message('assistant', 'The window is cut one row too early; I move the edge and run the tests again.'),
  ]
}

function message(role: 'user' | 'assistant', text: string): object {
  return { type: 'message', role, content: [{ type: role === 'user' ? 'input_text' : 'output_text', text }] }
}

function whole(stream: boolean, thread: string, input: readonly object[]): object {
  return {
    model: 'gpt-5.5',
    instructions: 'You are a coding agent running in the Codex CLI, a terminal-based coding assistant.',
    input,
    tools: [
      {
        type: 'function',
        name: 'shell',
        description: 'Runs a shell command and returns its output.',
        strict: false,
        parameters: {
          type: 'object',
          properties: { command: { type: 'array', items: { type: 'string' } }, workdir: { type: 'string' } },
          required: ['command'],
          additionalProperties: false,
        },
      },
    ],
    tool_choice: 'auto',
    parallel_tool_calls: true,
    reasoning: { effort: 'medium', summary: 'auto' },
    store: false,
    stream,
    include: ['reasoning.encrypted_content'],
    prompt_cache_key: thread,
    text: { verbosity: 'medium' },
  }
}
