import { limitHeaders } from './limits.ts'
import { undated } from './model.ts'
import type { Standing } from './quota.ts'

/** Name, value, name, value, … as they stood on the wire: order, case and duplicates are kept. */
export type HeaderList = readonly string[]

/** The first value of a header; `name` in lower case. */
export function header(headers: HeaderList, name: string): string | undefined {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const candidate = headers[i]
    if (candidate?.length === name.length && candidate.toLowerCase() === name) return headers[i + 1]
  }
  return undefined
}

/** All but one header; `name` in lower case. */
export function without(headers: HeaderList, name: string): string[] {
  return filtered(headers, (candidate) => candidate === name)
}

/** RFC 9110, 7.6.1, and what proxies have used for the same: meant for the next hop only. */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

const NOT_UPSTREAM = new Set([
  ...HOP_BY_HOP,
  // The member's credentials.
  'authorization',
  'api-key',
  'x-api-key',
  'cookie',
  // The gateway meters what comes back, so it must come as it is.
  'accept-encoding',
  'expect',
  // Where the member sits, and who it is there, is nobody's business.
  'forwarded',
  'via',
  'x-real-ip',
  'x-original-forwarded-for',
  'client-ip',
  'true-client-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'fastly-client-ip',
  'fly-client-ip',
  'cdn-loop',
  'client-cert',
  'client-cert-chain',
  // The administrator's key decides whose account it is.
  'openai-organization',
  'openai-project',
  // Made anew for the next hop.
  'host',
  'content-length',
])

/**
 * Families of headers in which proxies, tunnels and sign-ons in front of the gateway tell of the member, its credentials
 * among them. Cloudflare is known to refuse requests that already come with its own.
 */
const OF_THE_FRONT =
  /^(?:x-forwarded|cf|x-envoy|x-amzn|x-amz-cf|x-azure|x-appengine|x-goog-iap|x-goog-authenticated-user|x-auth-request|x-ms-token|x-remote|x-authentik|x-pomerium|tailscale)-|^x-ms-client-principal\b|^remote-(?:user|email|groups|name)$/

const NOT_BACK = new Set([...HOP_BY_HOP, 'set-cookie', 'alt-svc', 'strict-transport-security'])

/** Limits of the administrator's account; the member sees its own instead. */
const UPSTREAM_LIMITS =
  /^x-(?:.+-(?:primary|secondary)-.+|codex-(?:limit-name|credits-.+|active-limit|promo-message|rate-limit-reached-type))$/

/** What goes upstream of a request's headers: everything, but for credentials, hops and what the way here has added. */
export function upstreamHeaders(headers: HeaderList): string[] {
  const named = namedByConnection(headers)
  return filtered(headers, (name) => NOT_UPSTREAM.has(name) || OF_THE_FRONT.test(name) || named.has(name))
}

/** What the client sees besides upstream's own headers. */
export interface ReplyContext {
  /** Stands in for `x-request-id` where upstream sent none. */
  readonly callId: string
  readonly requestedModel: string | undefined
  readonly standing: Standing | undefined
}

/** What goes back of a reply's headers, with the member's own limits in place of upstream's. */
export function replyHeaders(headers: HeaderList, context: ReplyContext): string[] {
  const named = namedByConnection(headers)
  const kept = filtered(headers, (name) => NOT_BACK.has(name) || UPSTREAM_LIMITS.test(name) || named.has(name))
  for (let i = 0; i < kept.length; i += 2) {
    if (kept[i]?.toLowerCase() === 'openai-model') kept[i + 1] = modelShown(kept[i + 1] ?? '', context.requestedModel)
  }
  if (header(kept, 'x-request-id') === undefined) kept.push('x-request-id', context.callId)
  if (context.standing) kept.push(...limitHeaders(context.standing))
  return kept
}

/**
 * A dated snapshot of the requested model is shown under the requested name: Codex takes any other name for a
 * reroute and warns its user of "high-risk cyber activity". A true reroute passes.
 */
function modelShown(model: string, requested: string | undefined): string {
  if (requested === undefined) return model
  return undated(model).toLowerCase() === requested.toLowerCase() ? requested : model
}

function filtered(headers: HeaderList, dropped: (name: string) => boolean): string[] {
  const kept: string[] = []
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (!dropped(name.toLowerCase())) kept.push(name, headers[i + 1] ?? '')
  }
  return kept
}

/** Headers that `connection` names are hop-by-hop too. */
function namedByConnection(headers: HeaderList): ReadonlySet<string> {
  const named = new Set<string>()
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() !== 'connection') continue
    for (const name of (headers[i + 1] ?? '').split(',')) named.add(name.trim().toLowerCase())
  }
  return named
}
