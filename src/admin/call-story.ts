/** A call's whole story, for people and for programs. */
import { callUsd } from '../core/call-usd.ts'
import { creditsText, type EpochMs } from '../core/units.ts'
import type { AttemptRow, CallStory, Repricing } from '../ports.ts'
import { exactCredits } from '../core/exact-json.ts'
import { callJson } from './json-form.ts'
import { pairs, usdText } from './lines.ts'

/** One line for each step of the call's life, in order. */
export function storyLines(story: CallStory): readonly string[] {
  const { call } = story
  const who = { member: call.member, key: call.keyPrefix, kind: call.kind, transport: call.transport, path: call.path }
  const ids = { thread_id: call.threadId, session_id: call.sessionId, turn_id: story.turnId }
  return [
    `call ${call.id}`,
    `asked: ${pairs({ at: time(call.startedAt), ...who, model: call.model, tier: story.askedTier, ...ids })}`,
    // A refused call was not, or not for long.
    ...(call.ending === 'refused'
      ? []
      : [`admitted: ${pairs({ at: time(story.admittedAt), hold: creditsText(story.hold) })}`]),
    ...story.windows.map((window) => {
      const { name, openedAt, resetsAt, settled } = window
      const until = { opened_at: time(openedAt), resets_at: time(resetsAt) }
      return `window: ${pairs({ name, ...until, settled_by_now: creditsText(settled) })}`
    }),
    ...story.tries.map((tried) => `try ${tried.number}: ${pairs(tryTraits(tried))}`),
    ...(call.ending === undefined ? ['ended: not yet'] : settlement(story)),
    ...story.repricings.map(repricingLine),
  ]
}

function settlement({ call, organization, charging, message, rate }: CallStory): readonly string[] {
  const refused = { refusal: call.refusal, would_refuse: call.wouldRefuse }
  const answer = { status: call.status, ...refused, upstream: call.upstream, organization }
  const ids = { request_id: call.requestId, response_id: call.responseId }
  const spoken = call.spoken && {
    input_audio: call.spoken.inputAudioTokens,
    cached_audio: call.spoken.cachedAudioTokens,
    input_image: call.spoken.inputImageTokens,
    cached_image: call.spoken.cachedImageTokens,
    output_audio: call.spoken.outputAudioTokens,
    audio_ms: call.spoken.audioMs,
  }
  const tokens = {
    precision: call.precision,
    input: call.inputTokens,
    cached: call.cachedInputTokens,
    cache_write: call.cacheWriteTokens,
    output: call.outputTokens,
    reasoning: call.reasoningTokens,
    ...spoken,
  }
  const cost = { credits: creditsText(call.credits), usd: usdText(callUsd(call)) }
  const price = { ...cost, charged_by: charging, message, rate, tier: call.serviceTier }
  return [
    `ended: ${pairs({ at: time(call.endedAt), ending: call.ending, ...answer, duration_ms: call.durationMs, ...ids })}`,
    `usage: ${pairs(tokens)}`,
    `price: ${pairs(price)}`,
  ]
}

function tryTraits(tried: AttemptRow): Readonly<Record<string, string | number | boolean | undefined>> {
  return {
    at: time(tried.startedAt),
    upstream: tried.upstream,
    status: tried.status,
    error_class: tried.errorClass,
    sent: tried.sent,
    duration_ms: tried.durationMs,
    why: tried.chosen,
  }
}

function repricingLine({ at, before, after, rateBefore, rate, who, why }: Repricing): string {
  const price = { credits_before: creditsText(before), credits: creditsText(after), rate_before: rateBefore, rate }
  return `repriced: ${pairs({ at: time(at), ...price, who, why })}`
}

function time(at: EpochMs | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString()
}

export function storyJson(story: CallStory): object {
  return {
    ...callJson(story.call),
    ended_at: time(story.call.endedAt) ?? null,
    asked_tier: story.askedTier ?? null,
    turn_id: story.turnId ?? null,
    admitted_at: story.call.ending === 'refused' ? null : time(story.admittedAt),
    hold: exactCredits(story.hold),
    windows: story.windows.map((window) => ({
      name: window.name,
      opened_at: time(window.openedAt),
      resets_at: time(window.resetsAt),
      settled: exactCredits(window.settled),
    })),
    organization: story.organization ?? null,
    tries: story.tries.map((tried) => ({
      number: tried.number,
      upstream: tried.upstream,
      why: tried.chosen ?? null,
      started_at: time(tried.startedAt),
      status: tried.status ?? null,
      error_class: tried.errorClass ?? null,
      sent: tried.sent ?? null,
      duration_ms: tried.durationMs ?? null,
    })),
    charging: story.charging ?? null,
    message: story.message,
    rate: story.rate ?? null,
    repricings: story.repricings.map((made) => ({
      at: time(made.at),
      credits_before: exactCredits(made.before),
      credits: exactCredits(made.after),
      rate_before: made.rateBefore ?? null,
      rate: made.rate,
      who: made.who,
      why: made.why,
    })),
  }
}
