import { randomUUID } from 'node:crypto'
import type { ReplyHeaders } from './outlet.ts'
import type { NamedKey } from './keys.ts'

/** Cloudflare stands in front of OpenAI and adds headers that are about its own connection. */
const FRONT: ReplyHeaders = {
  'cf-cache-status': 'DYNAMIC',
  'set-cookie': [
    '__cf_bm=c2ltdWxhdG9y; path=/; expires=Fri, 31-Dec-99 23:59:59 GMT; domain=.api.openai.com; HttpOnly; Secure; SameSite=None',
    '_cfuvid=c2ltdWxhdG9y; path=/; domain=.api.openai.com; HttpOnly; Secure; SameSite=None',
  ],
  'strict-transport-security': 'max-age=31536000; includeSubDomains; preload',
  'x-content-type-options': 'nosniff',
  server: 'cloudflare',
  'alt-svc': 'h3=":443"; ma=86400',
}

/** What the head of a reply tells. */
export interface HeadFacts {
  readonly requestId: string
  /** From performance.now(). */
  readonly startedMs: number
  readonly contentType: string
  readonly key: NamedKey | undefined
}

/** The head of any reply, named and worded as OpenAI's. */
export function headOf({ requestId, startedMs, contentType, key }: HeadFacts): ReplyHeaders {
  const owner = key === undefined ? {} : { 'openai-organization': key.organization, 'openai-project': key.project }
  return {
    'content-type': contentType,
    ...owner,
    'openai-processing-ms': String(Math.max(1, Math.round(performance.now() - startedMs))),
    'openai-version': '2020-10-01',
    'x-request-id': requestId,
    'cf-ray': `${requestId.slice(-16)}-FRA`,
    ...FRONT,
  }
}

/** A new x-codex-turn-state. */
export function newTurnState(): string {
  return `sim-${randomUUID()}`
}
