import { equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { callIdIn } from './voice-call.ts'

suite('the id of a call over WebRTC', () => {
  test('is the last part of its location, whatever comes before or after', () => {
    equal(callIdIn('/v1/realtime/calls/rtc_1'), 'rtc_1')
    equal(callIdIn('https://api.openai.com/v1/live/rtc_1?a=/b#/c'), 'rtc_1')
    equal(callIdIn('rtc_1'), 'rtc_1')
  })

  test('is none where there is none, or none of sane length', () => {
    for (const location of [undefined, '', '/', '/v1/realtime/calls/', '?', `/${'x'.repeat(201)}`]) {
      equal(callIdIn(location), undefined)
    }
  })
})
