import { deepEqual } from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { mock, suite, test } from 'node:test'
import type { Reply } from '../ports.ts'
import { peek } from './peek.ts'

const FAILED = 'data: {"type":"response.failed","response":{"error":{"code":"server_error","message":"no"}}}\n\n'
const CREATED = 'event: response.created\ndata: {"type":"response.created"}\n\n'

/** A reply whose upstream says what a test says, as long as it is read from. */
function replyOf(): {
  readonly reply: Reply
  readonly say: (text: string) => Promise<void>
  readonly end: () => void
} {
  const over = Promise.withResolvers<void>()
  let sink: ((chunk: Uint8Array) => boolean) | undefined
  let drained = (): Promise<void> => Promise.resolve()
  let ready = Promise.resolve()
  const reply: Reply = {
    status: 200,
    headers: [],
    pump: (into, whenDrained) => {
      sink = into
      drained = whenDrained
      return over.promise
    },
    cancel: () => undefined,
  }
  const say = async (text: string): Promise<void> => {
    await ready
    if (sink?.(new TextEncoder().encode(text)) === false) ready = drained()
  }
  return { reply, say, end: over.resolve }
}

suite('what was held back of an answer', () => {
  test('goes before what comes while a slow client is given it', async () => {
    mock.timers.enable({ apis: ['setTimeout'] })
    try {
      const { reply, say, end } = replyOf()
      const peeked = peek(reply, 60_000)
      await say(CREATED)
      await say(': 1\n\n')
      mock.timers.tick(50)
      const { reply: whole, trouble } = await peeked
      deepEqual(trouble, undefined)
      const got: string[] = []
      const slow = Promise.withResolvers<void>()
      const pumped = whole.pump(
        (chunk) => got.push(new TextDecoder().decode(chunk)) > 1,
        () => slow.promise,
      )
      const said = [say(': 2\n\n'), say(': 3\n\n')]
      await Promise.resolve()
      deepEqual(got, [CREATED])
      slow.resolve()
      await Promise.all(said)
      end()
      await pumped
      deepEqual(got, [CREATED, ': 1\n\n', ': 2\n\n', ': 3\n\n'])
    } finally {
      mock.timers.reset()
    }
  })
})

suite('what fails in time, and is heard late for want of a processor,', () => {
  for (const [what, before, firstMs] of [
    ['behind what was held back', CREATED, 60_000],
    ['without a word before it', '', 50],
  ] as const) {
    test(`is no answer: ${what}`, async () => {
      const server = createServer()
      await once(server.listen(0, '127.0.0.1'), 'listening')
      const near = connect((server.address() as AddressInfo).port, '127.0.0.1')
      const [far] = (await once(server, 'connection')) as [Socket]
      try {
        const { reply, say } = replyOf()
        const peeked = peek(reply, firstMs)
        near.on('data', (chunk) => void say(String(chunk)))
        if (before !== '') await say(before)
        // Timers are next in Node's loop, and whatever has come is read after them.
        setImmediate(() => {
          far.write(FAILED)
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
        })
        deepEqual((await peeked).trouble, { code: 'server_error', type: undefined, message: 'no' })
      } finally {
        near.destroy()
        server.close()
      }
    })
  }
})
