import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { FIVE_HOURS_MS } from '../core/quota.ts'
import { header } from '../core/headers.ts'
import { Refusal } from '../core/refusal.ts'
import type { KnownCall } from '../gateway/identify.ts'
import { RefusedCallError } from '../gateway/refused.ts'
import { answerFor, frameFor } from './answer.ts'

suite('a refusal whose text goes beyond ASCII', () => {
  test('is in UTF-8 as bytes of an HTTP header, and as it was written in a frame', () => {
    const contact = 'Frag Jörg'
    const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
    const window = {
      name: '5h',
      lengthMs: FIVE_HOURS_MS,
      limit: 1n,
      settled: 1n,
      openedAt: 0,
      resetsAt: FIVE_HOURS_MS,
    } as const
    const refusal = new Refusal('member_5h_quota_exceeded', 'spent', { window, standing: { windows: [window] } })
    const call = { native: true, facts: { id: 'call', model: undefined } } as unknown as KnownCall
    const cause = new RefusedCallError(refusal, call, undefined)
    const told: string[] = []
    const metrics = { refused: (code: string) => void told.push(code) }
    const answering = { contact, log, metrics, now: () => 0 }
    const sent = header(answerFor(cause, answering).headers, 'x-codex-promo-message') ?? ''
    equal(Buffer.from(sent, 'latin1').toString('utf8'), contact)
    const frame = JSON.parse(frameFor(cause, answering)) as { headers: Record<string, string> }
    equal(frame.headers['x-codex-promo-message'], contact)
    deepEqual(told, ['member_5h_quota_exceeded', 'member_5h_quota_exceeded'], 'each answer is counted')
  })
})
