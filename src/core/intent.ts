import { id, type Asked } from './body.ts'
import { header, type HeaderList } from './headers.ts'

/** What a call is for. */
export type CallKind =
  | 'turn'
  | 'compaction'
  | 'prewarm'
  | 'thread_title'
  | 'review'
  | 'subagent'
  // Of a realtime session: a response, and what was said to it written down.
  | 'realtime'
  | 'transcription'
  | 'search'
  | 'realtime_call'

/** Kinds whose answers do not state their usage, and whose price is published nowhere: they cost what they do state. */
const UNPRICED: ReadonlySet<CallKind> = new Set(['search', 'realtime_call'])

/** Whether it is known what a call of this kind costs where its answer does not say so. */
export function isPriced(kind: CallKind): boolean {
  return !UNPRICED.has(kind)
}

/** Who is talking, in which conversation, and what for. */
export interface Intent {
  /** Whether anything about the request says Codex. */
  readonly codex: boolean
  readonly kind: CallKind
  readonly sessionId: string | undefined
  readonly threadId: string | undefined
  readonly parentThreadId: string | undefined
  readonly turnId: string | undefined
  /** Whether the call may be a message of the user's: a turn, and not a tool's output where nothing names the turn. */
  readonly message: boolean
}

/**
 * Recognizes Codex and its conversation by headers, query and body (codex-cli 0.60 to 0.169). `purpose` is the kind of
 * all calls of a route that has only one: a search within a turn calls itself a turn.
 */
export function intentOf(headers: HeaderList, path: string, body: Asked, purpose?: CallKind): Intent {
  const turn = turnMetadata(header(headers, 'x-codex-turn-metadata') ?? body.turnMetadata)
  const kind = purpose ?? kindOf(headers, path, body, turn)
  const turnId = id(turn['turn_id'])
  return {
    codex: isCodex(headers, path, body),
    kind,
    // Older versions use underscores; the cache key is the root session in all of them.
    sessionId:
      firstId(headers, ['session-id', 'session_id', 'conversation_id', 'x-session-id', 'openai-session-id']) ??
      body.sessionId ??
      body.promptCacheKey,
    threadId: firstId(headers, ['thread-id', 'thread_id']) ?? body.threadId ?? id(turn['thread_id']),
    parentThreadId: firstId(headers, ['x-codex-parent-thread-id']),
    turnId,
    message: kind === 'turn' && (turnId !== undefined || body.endsInUserInput),
  }
}

function isCodex(headers: HeaderList, path: string, body: Asked): boolean {
  const words = [body.model ?? queryModel(path), header(headers, 'user-agent'), header(headers, 'originator')]
  if (words.some((word) => word !== undefined && /codex/i.test(word))) return true
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]?.toLowerCase() ?? ''
    if (name.startsWith('x-codex-') || SESSION_HEADERS.has(name)) return true
  }
  return false
}

/** The model that the query of a path names; empty when it names none. */
export function queryModel(path: string): string {
  const query = path.indexOf('?')
  return query === -1 ? '' : (new URLSearchParams(path.slice(query)).get('model') ?? '')
}

const SESSION_HEADERS = new Set(['session_id', 'conversation_id', 'session-id', 'thread-id', 'thread_id'])

function kindOf(headers: HeaderList, path: string, body: Asked, turn: Readonly<Record<string, unknown>>): CallKind {
  if (isCompaction(path, body, turn)) return 'compaction'
  // By the body alone: a header could call any call a warm-up, and a warm-up opens no quota window.
  if (!body.generate) return 'prewarm'
  if (turn['thread_source'] === 'thread_title') return 'thread_title'
  const subagent = header(headers, 'x-openai-subagent') ?? turn['subagent_kind']
  if (subagent === 'review') return 'review'
  if (subagent === 'compact') return 'compaction'
  return subagent === undefined && turn['thread_source'] !== 'subagent' ? 'turn' : 'subagent'
}

function isCompaction(path: string, body: Asked, turn: Readonly<Record<string, unknown>>): boolean {
  if (turn['request_kind'] === 'compaction') return true
  return body.endsInCompactionTrigger || /\/compact(?:\?|$)/.test(path)
}

function turnMetadata(json: string | undefined): Readonly<Record<string, unknown>> {
  if (json === undefined) return {}
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
  } catch {
    // It only describes the call; a client that garbles it is served all the same.
    return {}
  }
}

function firstId(headers: HeaderList, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = id(header(headers, name))
    if (value !== undefined) return value
  }
  return undefined
}
