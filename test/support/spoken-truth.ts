/** What realtime sessions cost, by OpenAI's prices and the simulator's own count. */
import { deepEqual } from 'node:assert/strict'
import type { CallRow } from '../../src/ports.ts'
import type { TrueCall } from '../../src/simulator/simulator.ts'

/** USD for a million tokens: text, audio, image; input, cached, output. */
const REALTIME = [
  [4, 0.4, 16],
  [32, 0.4, 64],
  [5, 0.5, 0],
]

const USD: Readonly<Record<string, readonly (readonly number[])[]>> = {
  'gpt-realtime': REALTIME,
  'gpt-realtime-1.5': REALTIME,
  // No price is published: what an unknown model costs.
  'gpt-live-1-codex': [
    [1.75, 0.175, 14],
    [1.75, 0.175, 14],
    [1.75, 0.175, 0],
  ],
  'gpt-4o-mini-transcribe': [
    [1.25, 1.25, 5],
    [1.25, 1.25, 5],
    [0, 0, 0],
  ],
}

/** USD for a minute. */
const USD_MINUTE: Readonly<Record<string, number>> = { 'whisper-1': 0.006 }

const CREDITS_PER_USD = 25

function creditsOf(call: TrueCall): number {
  const { realtime, model = '' } = call
  if (!realtime || !call.usageStated) return 0
  const minute = USD_MINUTE[model]
  if (minute !== undefined) return (realtime.seconds / 60) * minute * CREDITS_PER_USD
  const [text = [], audio = [], image = []] = USD[model] ?? []
  const cost = (rates: readonly number[], tokens: readonly number[]): number => {
    const [input = 0, cached = 0, output = 0] = tokens
    return (input - cached) * (rates[0] ?? 0) + cached * (rates[1] ?? 0) + output * (rates[2] ?? 0)
  }
  const usd =
    cost(text, [realtime.inputText, realtime.cachedText, realtime.outputText]) +
    cost(audio, [realtime.inputAudio, realtime.cachedAudio, realtime.outputAudio]) +
    cost(image, [realtime.inputImage, realtime.cachedImage, 0])
  return (usd / 1_000_000) * CREDITS_PER_USD
}

/** The ledger's rows of what was answered are what the simulator knows of it, each once, at its price. */
export function expectSpokenTruth(rows: readonly CallRow[], truth: readonly TrueCall[]): void {
  const answered = rows.filter(({ responseId, precision }) => responseId !== undefined && precision === 'exact')
  const ended = truth.filter(({ terminalType }) => /^response\.done$|transcription/.test(terminalType ?? ''))
  deepEqual(answered.map(figuresOfRow).toSorted(byResponse), ended.map(figuresOfTruth).toSorted(byResponse))
}

interface Figures extends Record<string, unknown> {
  readonly id: string | undefined
}

function byResponse(a: Figures, b: Figures): number {
  return (a.id ?? '') < (b.id ?? '') ? -1 : 1
}

function figuresOfRow(row: CallRow): Figures {
  const { inputAudioTokens = 0, inputImageTokens = 0, outputAudioTokens = 0, audioMs = 0 } = row.spoken ?? {}
  return {
    id: row.responseId,
    model: row.model,
    tokens: [row.inputTokens, row.cachedInputTokens, row.outputTokens],
    spoken: [inputAudioTokens, inputImageTokens, outputAudioTokens],
    audioMs,
    credits: (Number(row.credits) / 1e9).toFixed(6),
  }
}

function figuresOfTruth(call: TrueCall): Figures {
  const { inputAudio = 0, inputImage = 0, outputAudio = 0, seconds = 0 } = call.realtime ?? {}
  const byTime = USD_MINUTE[call.model ?? ''] !== undefined
  const inTokens = call.usageStated && !byTime
  return {
    id: call.id,
    model: call.model,
    tokens: inTokens ? [call.inputTokens, call.cachedInputTokens, call.outputTokens] : [0, 0, 0],
    spoken: inTokens ? [inputAudio, inputImage, outputAudio] : [0, 0, 0],
    audioMs: byTime ? seconds * 1000 : 0,
    credits: creditsOf(call).toFixed(6),
  }
}
