import { deepEqual } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Ear } from './realtime-ear.ts'

const LISTENING = { prefixMs: 300, silenceMs: 500 }

function silence(ms: number): Buffer {
  return Buffer.alloc(ms * 48)
}

function speech(ms: number): Buffer {
  return Buffer.alloc(ms * 48, 1)
}

suite('an ear', () => {
  test('hears where speech begins and ends, however it comes in pieces', () => {
    const audio = Buffer.concat([silence(1000), speech(200), silence(499), speech(100), silence(600), speech(1)])
    const expected = [
      { speech: 'started', atMs: 700 },
      { speech: 'stopped', atMs: 2299, bytes: (2299 - 700) * 48 },
      { speech: 'started', atMs: 2099 },
    ]
    for (const size of [7, 48, 1000, audio.length]) {
      const ear = new Ear()
      const pieces = Array.from({ length: Math.ceil(audio.length / size) }, (_, i) =>
        audio.subarray(i * size, (i + 1) * size),
      )
      deepEqual(
        pieces.flatMap((piece) => [...ear.hear(piece, LISTENING)]),
        expected,
        `in pieces of ${size}`,
      )
    }
  })

  test('forgets speech that was cleared away, and counts time also where nobody listens', () => {
    const ear = new Ear()
    deepEqual([...ear.hear(speech(10), LISTENING)], [{ speech: 'started', atMs: 0 }])
    ear.forget()
    deepEqual([...ear.hear(silence(1000), LISTENING)], [])
    ear.skip(48_000)
    deepEqual([...ear.hear(speech(1), LISTENING)], [{ speech: 'started', atMs: 2010 - 300 }])
  })
})
