/** The pages in which an organization's books are read. */
import { ApiError } from './api-error.ts'

/** Seconds, and how many buckets of that width a page has: usually, and at most. */
export interface Width {
  readonly secs: number
  readonly usual: number
  readonly most: number
}

export const DAY_SECS = 86_400

/** What is asked for. */
export interface BookQuery {
  /** Of the first bucket; whole buckets of the width, in UTC. */
  readonly start: number
  /** Where the last bucket ends, at the latest. */
  readonly end: number
  readonly width: Width
  readonly limit: number
  readonly groupBy: readonly string[]
  readonly only: (field: string) => readonly string[]
}

/** One bucket's results are whatever `resultsOf` makes of its time. */
export function bookPage(query: BookQuery, resultsOf: (start: number, end: number) => readonly string[]): string {
  const { width, limit } = query
  const buckets: string[] = []
  let start = query.start
  for (; start < query.end && buckets.length < limit; start += width.secs) {
    const end = start + width.secs
    const results = resultsOf(start, end).join(',')
    buckets.push(`{"object":"bucket","start_time":${start},"end_time":${end},"results":[${results}]}`)
  }
  const next = start < query.end ? JSON.stringify(cursorOf(start)) : 'null'
  return `{"object":"page","data":[${buckets.join(',')}],"has_more":${start < query.end},"next_page":${next}}`
}

interface Kind {
  readonly widths: Readonly<Record<string, Width>>
  readonly groups: readonly string[]
}

/** Reads a query. Throws OpenAI's 400 that names what is wrong. */
export function bookQuery(url: URL, kind: Kind, now: number): BookQuery {
  const params = url.searchParams
  // OpenAI's own libraries write `group_by[]`; others repeat `group_by`.
  const list = (name: string): readonly string[] => [...params.getAll(`${name}[]`), ...params.getAll(name)]
  const from = wholeOf('start_time', params.get('start_time'))
  if (from === undefined) throw wrong('start_time', "Missing required parameter: 'start_time'.")
  const name = params.get('bucket_width') ?? '1d'
  const width = kind.widths[name]
  if (width === undefined) throw wrong('bucket_width', `Invalid value: '${name}'.`)
  const groupBy = list('group_by')
  const unknown = groupBy.find((group) => !kind.groups.includes(group))
  if (unknown !== undefined) throw wrong('group_by', `Invalid value: '${unknown}'.`)
  const limit = wholeOf('limit', params.get('limit')) ?? width.usual
  if (limit < 1 || limit > width.most) throw wrong('limit', `Invalid 'limit': must be from 1 to ${width.most}.`)
  const page = params.get('page')
  return {
    start: page === null ? from - (from % width.secs) : startIn(page),
    end: wholeOf('end_time', params.get('end_time')) ?? now,
    width,
    limit,
    groupBy,
    only: (field) => list(`${field}s`),
  }
}

function wholeOf(name: string, text: string | null): number | undefined {
  if (text === null) return undefined
  if (/^\d{1,12}$/.test(text)) return Number(text)
  throw wrong(name, `Invalid type for '${name}': expected an integer.`)
}

function wrong(param: string, message: string): ApiError {
  return new ApiError(400, message, { param })
}

/** Opaque, as OpenAI's are. */
function cursorOf(start: number): string {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(start))
  return `page_${bytes.toString('base64')}`
}

function startIn(cursor: string): number {
  const bytes = Buffer.from(cursor.replace(/^page_/, ''), 'base64')
  if (!cursor.startsWith('page_') || bytes.length !== 8) throw wrong('page', `Invalid 'page': '${cursor}'.`)
  return Number(bytes.readBigInt64BE())
}
