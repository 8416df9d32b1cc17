import { randomUUID } from 'node:crypto'
import { replyHeaders, upstreamHeaders, without } from '../core/headers.ts'
import { serves } from '../core/model.ts'
import { Refusal } from '../core/refusal.ts'
import { NoReply, type Client, type Holder, type Reply } from '../ports.ts'
import type { Gateway } from './gateway.ts'
import { standingOf } from './standing.ts'

/** An answer that there is nothing new holds no list to leave models out of, and may be about another key's. */
const CONDITIONS = ['if-none-match', 'if-modified-since']
/** Keys that may not list models (a restricted key has no such scope) say nothing of those that may. */
const REFUSED: ReadonlySet<number> = new Set([401, 403])
const MAX_LIST_BYTES = 4_194_304
/** Clients ask when they start, and wait no longer. */
const LIST_MS = 10_000

/**
 * `GET /v1/models`: upstream's own list, from the first key that gives one, with only the models that the member may
 * use. It costs nothing, so it takes no place and stands in no ledger.
 */
export async function relayModels(client: Client, holder: Holder, gateway: Gateway): Promise<void> {
  const pulses = gateway.coordinator.survey()
  const keys = gateway.directory.upstreams().filter((u) => u.enabled && u.http)
  const healthy = keys.filter((u) => pulses.get(u.id)?.state !== 'disabled')
  if (keys.length === 0)
    throw new Refusal(
      'no_upstream',
      'The gateway has no upstream key that is enabled. Ask your gateway admin to add one.',
    )
  const request = {
    method: client.method,
    path: client.path,
    headers: CONDITIONS.reduce(without, upstreamHeaders(client.headers)),
    body: undefined,
    headTimeoutMs: Math.min(gateway.settings.headTimeoutMs, LIST_MS),
  }
  const standing = await standingOf(holder.member, gateway)
  let left = Math.max(1, gateway.settings.retryAttempts)
  for (const upstream of healthy) {
    if (left-- === 0) break
    try {
      const reply = await gateway.upstream.open(request, upstream, client.signal)
      const list = reply.status === 200 ? await read(reply) : undefined
      const { models } = holder.member
      const shown = list && models ? filtered(list, models) : list
      if (shown === undefined) {
        reply.cancel()
        if (REFUSED.has(reply.status)) left++
        continue
      }
      const headers = replyHeaders(reply.headers, {
        callId: randomUUID(),
        requestedModel: undefined,
        standing,
      })
      client.begin(200, [...without(headers, 'content-length'), 'content-length', String(shown.length)])
      client.write(shown)
      client.end()
      return
    } catch (cause) {
      if (!(cause instanceof NoReply)) throw cause
    }
  }
  throw new Refusal(
    'upstream_error',
    'OpenAI gave the gateway no list of models. Try again later, or ask your gateway admin.',
  )
}

/** The list, whole; undefined when it broke off or has no end. */
async function read(reply: Reply): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let length = 0
  const sink = (chunk: Uint8Array): boolean => {
    length += chunk.length
    if (length <= MAX_LIST_BYTES) chunks.push(chunk)
    else reply.cancel()
    return true
  }
  try {
    await reply.pump(sink, () => Promise.resolve())
  } catch {
    // Another key may give a whole one.
    return undefined
  }
  return length > MAX_LIST_BYTES ? undefined : Buffer.concat(chunks)
}

/**
 * Both forms of list have their names: OpenAI's `data[].id` and the Codex catalog's `models[].slug`. Undefined when it
 * cannot be read.
 */
function filtered(list: Uint8Array, models: readonly string[]): Uint8Array | undefined {
  try {
    const parsed = JSON.parse(Buffer.from(list).toString()) as Record<string, unknown>
    for (const [where, name] of [
      ['data', 'id'],
      ['models', 'slug'],
    ] as const) {
      const entries = parsed[where]
      if (Array.isArray(entries))
        parsed[where] = (entries as Record<string, unknown>[]).filter((entry) => serves(models, String(entry[name])))
    }
    return Buffer.from(JSON.stringify(parsed))
  } catch {
    // Another key may give one that can be read.
    return undefined
  }
}
