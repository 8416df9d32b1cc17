import { setTimeout as sleep } from 'node:timers/promises'
import type { Dispatcher } from 'undici'
import { waitOf } from '../../core/retry-after.ts'
import { isRecord } from '../../core/usage.ts'
import { BooksUnavailable } from '../../ports.ts'

/** Tries of one page, and the longest pause between two. */
const TRIES = 5
const LONGEST_PAUSE_MS = 30_000
/** How long one page may take. */
const PAGE_MS = 60_000
const MAX_PAGE_BYTES = 32 * 1024 * 1024
/** More than these are not read: some cursor would go round in circles. */
const MAX_PAGES = 2_000

export interface ReaderOptions {
  readonly dispatcher: Dispatcher
  /** `https://api.openai.com`. */
  readonly baseUrl: string
  /** The pause before a second try; each further one is twice as long. */
  readonly pauseMs: number
}

/** Reads what an admin key may read, page by page. What is wrong for a moment is tried again. */
export class BooksReader {
  readonly #options: ReaderOptions

  constructor(options: ReaderOptions) {
    this.#options = options
  }

  /** Every item of the pages; `after` tells how the page behind one is asked for. Rejects with BooksUnavailable. */
  async pages(
    secret: string,
    path: string,
    after: (page: Readonly<Record<string, unknown>>) => string | undefined,
    signal: AbortSignal,
  ): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const items: Readonly<Record<string, unknown>>[] = []
    let cursor = ''
    for (let read = 0; read < MAX_PAGES; read++) {
      const page = await this.#page(secret, `${path}${cursor}`, signal)
      const data = page['data']
      if (!Array.isArray(data)) throw new BooksUnavailable(`${plain(path)}: the answer is not a page of OpenAI's`)
      items.push(...data.filter(isRecord))
      if (page['has_more'] !== true) return items
      const next = after(page)
      // Half of the books would show a drift that is none.
      if (next === undefined) throw new BooksUnavailable(`${plain(path)}: there are more pages, and nothing says where`)
      if (`&${next}` === cursor) break
      cursor = `&${next}`
    }
    throw new BooksUnavailable(`${plain(path)}: the pages have no end`)
  }

  async #page(secret: string, path: string, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
    for (let tries = 1; ; tries++) {
      const pauseMs = Math.min(this.#options.pauseMs * 2 ** (tries - 1), LONGEST_PAUSE_MS)
      const answer = await this.#get(secret, path, signal)
      if ('page' in answer) return answer.page
      signal.throwIfAborted()
      if (!answer.again || tries === TRIES) throw new BooksUnavailable(`${plain(path)}: ${answer.problem}`)
      await sleep(Math.min(answer.waitMs ?? pauseMs, LONGEST_PAUSE_MS), undefined, { signal })
    }
  }

  async #get(secret: string, path: string, signal: AbortSignal): Promise<Answer> {
    const base = new URL(this.#options.baseUrl)
    try {
      const { statusCode, headers, body } = await this.#options.dispatcher.request({
        origin: base.origin,
        path: `${base.pathname.replace(/\/$/, '')}${path}`,
        method: 'GET',
        headers: { authorization: `Bearer ${secret}`, accept: 'application/json' },
        signal: AbortSignal.any([signal, AbortSignal.timeout(PAGE_MS)]),
      })
      const text = await textOf(body)
      if (statusCode !== 200) return refused(statusCode, text, Object.entries(headers))
      const page = parsed(text)
      return isRecord(page) ? { page } : { problem: 'the answer is no JSON object', again: true, waitMs: undefined }
    } catch (cause) {
      return { problem: cause instanceof Error ? cause.message : String(cause), again: true, waitMs: undefined }
    }
  }
}

type Answer =
  | { readonly page: Readonly<Record<string, unknown>> }
  | { readonly problem: string; readonly again: boolean; readonly waitMs: number | undefined }

async function textOf(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > MAX_PAGE_BYTES) throw new Error(`a page is larger than ${MAX_PAGE_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Only the code of the error is told: its message may hold the key. */
function refused(status: number, text: string, headers: readonly (readonly [string, unknown])[]): Answer {
  const again = status === 408 || status === 429 || status >= 500
  let code = ''
  try {
    const body: unknown = JSON.parse(text)
    const error = isRecord(body) ? body['error'] : undefined
    if (isRecord(error) && typeof error['code'] === 'string') code = ` ${error['code'].slice(0, 64)}`
  } catch {
    // An error without a code is told by its status.
  }
  const hint =
    status === 401 || status === 403 ? ': it needs an admin key of the organization that may read its usage' : ''
  const flat = headers.flatMap(([name, value]) => (typeof value === 'string' ? [name, value] : []))
  return {
    problem: `OpenAI answers ${status}${code}${hint}`,
    again,
    waitMs: waitOf(flat, undefined, Date.now(), false),
  }
}

type Parse = (text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown) => unknown

/** Amounts keep the digits that they were written with. */
function parsed(text: string): unknown {
  // The source of a number is of the language since 2025, and not in the compiler's library yet.
  const parse = JSON.parse as unknown as Parse
  return parse(text, (key, value, { source }) => (key === 'value' && typeof value === 'number' ? source : value))
}

function plain(path: string): string {
  return path.replace(/\?.*$/s, '')
}
