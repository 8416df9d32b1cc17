/** The JSON that `--json` prints: stable, and described in docs/json.md. Absent values are null. */
import { callUsd } from '../core/call-usd.ts'
import { exactCredits } from '../core/exact-json.ts'
import type { EpochMs } from '../core/units.ts'
import type { SpokenUsage } from '../core/usage.ts'
import type { CallRow, ConnectionRow, GatewayKey, Member, MemberUsage, Upstream } from '../ports.ts'
import type { IssuedKey } from './gateway-keys.ts'

export function time(at: EpochMs | undefined): string | null {
  return at === undefined ? null : new Date(at).toISOString()
}

function orNull<T>(value: T | undefined): T | null {
  return value ?? null
}

export function memberJson(member: Member): object {
  return {
    id: member.id,
    name: member.name,
    enabled: member.enabled,
    weight: member.weight,
    max_concurrent: member.maxConcurrent,
    five_hour_quota: exactCredits(member.fiveHourQuota),
    weekly_quota: exactCredits(member.weeklyQuota),
    daily_quota: member.dailyQuota === undefined ? null : exactCredits(member.dailyQuota),
    monthly_quota: member.monthlyQuota === undefined ? null : exactCredits(member.monthlyQuota),
    quota_window: orNull(member.quotaWindow),
    models: member.models ?? null,
  }
}

export function gatewayKeyJson(key: GatewayKey & { readonly memberName?: string }): object {
  return {
    id: key.id,
    ...(key.memberName === undefined ? {} : { member: key.memberName }),
    prefix: key.prefix,
    enabled: key.enabled,
    expires_at: time(key.expiresAt),
    created_at: time(key.createdAt),
    last_used_at: time(key.lastUsedAt),
  }
}

export function issuedKeyJson(key: IssuedKey): object {
  return { ...gatewayKeyJson(key), secret: key.secret }
}

export function upstreamJson(upstream: Upstream): object {
  return {
    id: upstream.id,
    name: upstream.name,
    enabled: upstream.enabled,
    http: upstream.http,
    ws: upstream.ws,
    weight: upstream.weight,
    max_concurrent: upstream.maxConcurrent,
    organization: upstream.organization ?? null,
    project: upstream.project ?? null,
    models: upstream.models ?? null,
    base_url: upstream.baseUrl ?? null,
    api_key_id: upstream.apiKeyId ?? null,
  }
}

export function usageJson(usage: MemberUsage): object {
  return {
    name: usage.name,
    credits: exactCredits(usage.credits),
    input_tokens: usage.inputTokens,
    cached_input_tokens: usage.cachedInputTokens,
    output_tokens: usage.outputTokens,
    total_tokens: usage.totalTokens,
    requests: usage.requests,
    messages: usage.messages,
    ws_connections: usage.wsConnections,
    ws_client_messages: usage.wsClientMessages,
    ws_upstream_messages: usage.wsUpstreamMessages,
    usd: exactCredits(usage.usd),
    unpriced: usage.unpriced,
  }
}

function spokenJson(spoken: SpokenUsage): object {
  return {
    input_audio_tokens: spoken.inputAudioTokens,
    cached_audio_tokens: spoken.cachedAudioTokens,
    input_image_tokens: spoken.inputImageTokens,
    cached_image_tokens: spoken.cachedImageTokens,
    output_audio_tokens: spoken.outputAudioTokens,
    audio_ms: spoken.audioMs,
  }
}

function usdJson(call: CallRow): object | null {
  const usd = callUsd(call)
  return usd === undefined ? null : exactCredits(usd)
}

export function callJson(call: CallRow): object {
  return {
    id: call.id,
    request_id: orNull(call.requestId),
    member: call.member,
    key_prefix: call.keyPrefix,
    upstream: orNull(call.upstream),
    kind: call.kind,
    transport: call.transport,
    path: call.path,
    model: orNull(call.model),
    service_tier: orNull(call.serviceTier),
    status: orNull(call.status),
    ending: orNull(call.ending),
    refusal: orNull(call.refusal),
    would_refuse: orNull(call.wouldRefuse),
    precision: orNull(call.precision),
    input_tokens: call.inputTokens,
    cached_input_tokens: call.cachedInputTokens,
    cache_write_tokens: call.cacheWriteTokens,
    output_tokens: call.outputTokens,
    reasoning_tokens: call.reasoningTokens,
    spoken: call.spoken === undefined ? null : spokenJson(call.spoken),
    credits: exactCredits(call.credits),
    usd: usdJson(call),
    response_id: orNull(call.responseId),
    thread_id: orNull(call.threadId),
    session_id: orNull(call.sessionId),
    started_at: time(call.startedAt),
    duration_ms: orNull(call.durationMs),
    attempts: call.attempts,
  }
}

export function connectionJson(connection: ConnectionRow): object {
  return {
    id: connection.id,
    member: connection.member,
    key_prefix: connection.keyPrefix,
    upstream: orNull(connection.upstream),
    path: connection.path,
    session_id: orNull(connection.sessionId),
    thread_id: orNull(connection.threadId),
    started_at: time(connection.startedAt),
    ended_at: connection.endedAt === undefined ? null : time(connection.endedAt),
    reason: orNull(connection.reason),
    code: orNull(connection.code),
    client_messages: connection.clientMessages,
    upstream_messages: connection.upstreamMessages,
  }
}
