/** An HTTP client that shows what came over the wire, and shapes of what Codex sends. */
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'

export interface Ask {
  readonly method?: string
  readonly path?: string
  /** Name, value, name, value: sent as they stand. */
  readonly headers?: readonly string[]
  readonly body?: string | Uint8Array
  readonly signal?: AbortSignal
  /** Called with each piece of the answer's body at the moment that it comes. */
  readonly hear?: (piece: Buffer) => void
}

export interface Answered {
  readonly status: number
  /** Name, value, name, value, as they came. */
  readonly rawHeaders: readonly string[]
  /** The value of a header, by its name in lower case. */
  readonly header: (name: string) => string | undefined
  readonly body: Buffer
  readonly text: string
  /** False when the body broke off: its connection went before its end. */
  readonly whole: boolean
  /** From the request to the head. */
  readonly headMs: number
}

/** Sends one request over a connection of its own. Rejects when there is no head. */
export async function ask(
  url: string,
  { method = 'POST', path = '/v1/responses', hear, ...rest }: Ask,
): Promise<Answered> {
  const began = performance.now()
  const reply = await headOf(url, { method, path, ...rest })
  const headMs = performance.now() - began
  const chunks: Buffer[] = []
  await new Promise<void>((resolve) => {
    reply.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      hear?.(chunk)
    })
    reply.on('error', () => undefined)
    reply.once('close', resolve)
  })
  const body = Buffer.concat(chunks)
  return {
    status: reply.statusCode ?? 0,
    rawHeaders: reply.rawHeaders,
    header: (name) => asOne(reply.headers[name]),
    body,
    text: body.toString('utf8'),
    whole: reply.complete,
    headMs,
  }
}

/** An answer that is still coming. */
export interface Stream {
  readonly status: number
  readonly header: (name: string) => string | undefined
  /** What has come so far. */
  text(): string
  /** Resolves when so many events have come. Rejects when the answer ends before. */
  events(count: number): Promise<void>
  /** Resolves at the end of the answer: whether it was whole. */
  ended: Promise<boolean>
  /** Stops reading. */
  pause(): void
  resume(): void
  /** Reads one piece every so many milliseconds, until it is stopped. */
  sip(everyMs: number): Disposable
  /** Kills the connection. */
  kill(): void
}

/** Sends one request and resolves at the head of the answer. */
export async function stream(url: string, { method = 'POST', path = '/v1/responses', ...rest }: Ask): Promise<Stream> {
  const reply = await headOf(url, { method, path, ...rest })
  let text = ''
  const ended = new Promise<boolean>((resolve) => {
    reply.on('error', () => undefined).once('close', () => resolve(reply.complete))
  })
  reply.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  const count = (): number => text.split('\n\n').length - 1
  return {
    status: reply.statusCode ?? 0,
    header: (name) => asOne(reply.headers[name]),
    text: () => text,
    events: async (wanted) => {
      while (count() < wanted) {
        const over = await Promise.race([ended.then(() => true), once(reply, 'data').then(() => false)])
        if (over && count() < wanted) throw new Error(`the answer ended after ${count()} events`)
      }
    },
    ended,
    pause: () => reply.pause(),
    resume: () => reply.resume(),
    sip: (everyMs) => {
      reply.pause()
      const timer = setInterval(() => {
        reply.once('data', () => reply.pause()).resume()
      }, everyMs)
      return {
        [Symbol.dispose]: () => {
          clearInterval(timer)
          reply.pause()
        },
      }
    },
    kill: () => reply.destroy(),
  }
}

function asOne(value: string | string[] | undefined): string | undefined {
  return typeof value === 'object' ? value[0] : value
}

async function headOf(url: string, { method, path, headers = [], body, signal }: Ask): Promise<IncomingMessage> {
  const { hostname, port } = new URL(url)
  const length = body === undefined ? [] : ['content-length', String(Buffer.byteLength(body))]
  return await new Promise((resolve, reject) => {
    const request = httpRequest({
      hostname,
      port,
      method,
      path,
      headers: ['host', `${hostname}:${port}`, ...headers, ...length],
      agent: false,
      ...(signal && { signal }),
    })
    request.once('response', resolve).once('error', reject)
    // Bytes: Node would write a text together with the head, and the head in UTF-8.
    request.end(body === undefined ? undefined : Buffer.from(body))
  })
}

export interface TurnShape {
  readonly model?: string
  readonly stream?: boolean
  readonly thread?: string
  readonly turn?: string
  readonly input?: readonly unknown[]
  readonly path?: string
  readonly tier?: string
  /** False: nothing about it says Codex but the session header of `thread` and the model. */
  readonly codex?: boolean
  readonly headers?: readonly string[]
  readonly signal?: AbortSignal
}

const CODEX = ['originator', 'codex_exec', 'user-agent', 'codex_exec/0.169.0 (Debian 12.0.0; x86_64) dumb']

function conversation({ thread, turn: turnId }: TurnShape): string[] {
  const ids = thread === undefined ? [] : ['session-id', thread, 'thread-id', thread]
  if (turnId === undefined) return ids
  const metadata = { thread_id: thread, turn_id: turnId, request_kind: 'turn' }
  return [...ids, 'x-codex-turn-metadata', JSON.stringify(metadata)]
}

/** A request as Codex makes it for a turn. */
export function turn(key: string, shape: TurnShape = {}): Ask {
  const { model = 'gpt-5.5', stream = true, path = '/v1/responses', codex = true, signal } = shape
  return {
    path,
    headers: [
      'authorization',
      `Bearer ${key}`,
      'content-type',
      'application/json',
      ...(codex ? CODEX : []),
      ...conversation(shape),
      ...(shape.headers ?? []),
    ],
    body: JSON.stringify({
      model,
      stream,
      store: false,
      input: shape.input ?? [says('What is the answer?')],
      include: ['reasoning.encrypted_content'],
      ...(shape.tier !== undefined && { service_tier: shape.tier }),
    }),
    ...(signal && { signal }),
  }
}

/** A message of the user's. */
export function says(text: string): unknown {
  return { type: 'message', role: 'user', content: [{ type: 'input_text', text }] }
}

/** The events of a stream of server-sent events, by their `data`. */
export function eventsIn(text: string): readonly Record<string, unknown>[] {
  return text
    .split('\n\n')
    .flatMap((block) => block.split('\n').filter((line) => line.startsWith('data: ')))
    .map((line) => line.slice('data: '.length))
    .filter((data) => data !== '[DONE]')
    .map((data) => JSON.parse(data) as Record<string, unknown>)
}

/** The error in a stream that says `response.failed`. */
export function failureIn(text: string): { readonly code: string; readonly message: string } | undefined {
  const event = eventsIn(text).find(({ type }) => type === 'response.failed')
  return (event?.['response'] as { error?: { code: string; message: string } } | undefined)?.error
}
