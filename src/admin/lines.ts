/** The plain lines that scripts read: one thing a line. */
import { callUsd } from '../core/call-usd.ts'
import { creditsText, type EpochMs } from '../core/units.ts'
import type { NanoUsd } from '../core/usd.ts'
import type { CallRow, ConnectionRow, GatewayKey, Member, MemberUsage, Upstream } from '../ports.ts'
import { weightedTokens } from './spending.ts'

/** Callers choose model names and ids: nothing of theirs may move a cursor or begin a line. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
}

/** `key=value` pairs with one space between; absent values are left out. */
export function pairs(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${visible(String(value))}`)
    .join(' ')
}

export function instant(at: EpochMs | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString()
}

export function usdText(usd: NanoUsd | undefined): string | undefined {
  return usd === undefined ? undefined : creditsText(usd)
}

export function memberLine(member: Member): string {
  const traits = pairs({
    id: member.id,
    enabled: member.enabled,
    weight: member.weight,
    max_concurrent: member.maxConcurrent,
    five_hour_quota: creditsText(member.fiveHourQuota),
    weekly_quota: creditsText(member.weeklyQuota),
    daily_quota: member.dailyQuota === undefined ? undefined : creditsText(member.dailyQuota),
    monthly_quota: member.monthlyQuota === undefined ? undefined : creditsText(member.monthlyQuota),
    quota_window: member.quotaWindow,
    models: member.models?.join(','),
  })
  return `${member.name}: ${traits}`
}

export function gatewayKeyLine(key: GatewayKey & { readonly memberName: string }): string {
  const traits = pairs({
    member: key.memberName,
    enabled: key.enabled,
    created_at: instant(key.createdAt),
    expires_at: instant(key.expiresAt),
    last_used_at: instant(key.lastUsedAt),
  })
  return `${key.prefix}: ${traits}`
}

export function upstreamLine(upstream: Upstream): string {
  const traits = pairs({
    id: upstream.id,
    enabled: upstream.enabled,
    http: upstream.http,
    ws: upstream.ws,
    weight: upstream.weight,
    max_concurrent: upstream.maxConcurrent,
    organization: upstream.organization,
    project: upstream.project,
    models: upstream.models?.join(','),
    base_url: upstream.baseUrl,
    api_key_id: upstream.apiKeyId,
  })
  return `${upstream.name}: ${traits}`
}

export function usageLine(usage: MemberUsage): string {
  const sums = pairs({
    credits: creditsText(usage.credits),
    weighted_tokens: weightedTokens(usage),
    total_tokens: usage.totalTokens,
    requests: usage.requests,
    messages: usage.messages,
    ws_connections: usage.wsConnections,
    usd: creditsText(usage.usd),
    unpriced: usage.unpriced,
  })
  return `${usage.name}: ${sums}`
}

export function callLine(call: CallRow): string {
  const facts = pairs({
    id: call.id,
    member: call.member,
    upstream: call.upstream,
    kind: call.kind,
    model: call.model,
    status: call.status,
    ending: call.ending ?? 'open',
    refusal: call.refusal,
    would_refuse: call.wouldRefuse,
    credits: creditsText(call.credits),
    usd: usdText(callUsd(call)),
    input_tokens: call.inputTokens,
    cached_input_tokens: call.cachedInputTokens,
    output_tokens: call.outputTokens,
    duration_ms: call.durationMs,
    attempts: call.attempts,
  })
  return `${new Date(call.startedAt).toISOString()}: ${facts}`
}

export function connectionLine(connection: ConnectionRow): string {
  const traits = pairs({
    ended_at: instant(connection.endedAt),
    member: connection.member,
    path: connection.path,
    upstream: connection.upstream,
    client_messages: connection.clientMessages,
    upstream_messages: connection.upstreamMessages,
    code: connection.code,
    reason: connection.reason?.replaceAll(' ', '_'),
  })
  return `${instant(connection.startedAt)} ${traits}`
}
