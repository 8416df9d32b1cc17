import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { FirstEvent } from './first-event.ts'

type Verdict = 'answer' | 'failure' | undefined

/** Events that come before an answer, as they stand in a stream. */
function before(events: readonly (readonly [string, (typeof FORMS)[number], number])[], newline: string): string {
  return events
    .map(([type, framed, length]) => {
      const response = { id: 'r', instructions: 'x'.repeat(length), error: null, usage: null }
      return framed(type, JSON.stringify({ type, response }), newline)
    })
    .join('')
}

/** What is said of a stream that comes in these pieces, at the first piece that tells. */
function verdictOf(stream: string, cuts: readonly number[] = []): { verdict: Verdict; first: FirstEvent } {
  const bytes = new TextEncoder().encode(stream)
  const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  const first = new FirstEvent()
  for (let i = 1; i < edges.length; i++) {
    const verdict = first.feed(bytes.subarray(edges[i - 1], edges[i]))
    if (verdict !== undefined) return { verdict, first }
  }
  return { verdict: undefined, first }
}

const FORMS: readonly ((type: string, data: string, end: string) => string)[] = [
  (type, data, end) => `event: ${type}${end}data: ${data}${end}${end}`,
  (type, data, end) => `event:${type}${end}data:${data}${end}${end}`,
  (_type, data, end) => `data: ${data}${end}${end}`,
  (_type, data, end) => `data:${data}${end}${end}`,
  (type, data, end) => `data: ${data}${end}event: ${type}${end}${end}`,
  (type, data, end) => `id: 7${end}event: ${type}${end}data: ${data}${end}${end}`,
]

const FAILURES: readonly (readonly [string, object])[] = [
  ['response.failed', { response: { id: 'r', error: { code: 'insufficient_quota', message: 'No money.' } } }],
  ['error', { code: 'insufficient_quota', message: 'No money.' }],
  ['error', { error: { code: 'insufficient_quota', message: 'No money.' }, sequence_number: 0 }],
]
const ANSWERS = ['response.output_item.added', 'response.completed', 'response.incomplete', 'keepalive']
/** Events that say no more than that the request was taken, as long as they may be. */
const BEFORE = ['response.created', 'response.queued', 'response.in_progress']

const end = fc.constantFrom('\n', '\r\n')
const form = fc.constantFrom(...FORMS)
const comments = fc.array(fc.constantFrom(': ping', ':', ': data: {"type":"error"}', ''), { maxLength: 5 })
const filler = fc.nat(100_000).map((length) => 'x'.repeat(length))
const cuts = fc.array(fc.nat(), { maxLength: 40 })
const taken = fc.array(fc.tuple(fc.constantFrom(...BEFORE), form, fc.nat(20_000)), { maxLength: 3 })
const crumbs = fc.constant(Array.from({ length: 300 }, (_, at) => at))

suite('how a stream begins', () => {
  test('a failure is told from all that it may be, however it is cut, framed and preceded, and however long', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...FAILURES),
        fc.tuple(form, end, comments, filler, taken),
        fc.oneof(cuts, crumbs),
        ([type, said], [framed, newline, remarks, more, events], at) => {
          const data = JSON.stringify({ type, ...said, more })
          const stream = [...remarks, before(events, newline) + framed(type, data, newline)].join(newline)
          const { verdict, first } = verdictOf(stream, at)
          equal(verdict, 'failure')
          const { code, message } = first.metered.error ?? {}
          deepEqual([code, message], ['insufficient_quota', 'No money.'])
        },
      ),
    )
  })

  test('an answer is told from all that it may be, before its data has come as a whole', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ANSWERS),
        fc.tuple(form, end, comments, filler, taken),
        fc.oneof(cuts, crumbs),
        (type, [framed, newline, remarks, more, events], at) => {
          const data = JSON.stringify({ type, response: { id: 'r', error: null }, more })
          const stream = [...remarks, before(events, newline) + framed(type, data, newline)].join(newline)
          equal(verdictOf(stream, at).verdict, 'answer')
        },
      ),
    )
    const added = 'response.output_item.added'
    for (const beginning of [`event: ${added}\n`, `data: {"type":"${added}"`, ': hi\n\nevent: x\r\n']) {
      equal(verdictOf(beginning).verdict, 'answer', beginning)
    }
  })

  test('nothing is said while all that has come is that the request was taken, up to a size', () => {
    for (const type of BEFORE) {
      for (const framed of FORMS) {
        const event = framed(type, JSON.stringify({ type, response: { id: 'r', usage: null } }), '\n')
        equal(verdictOf(event).verdict, undefined, event)
        equal(verdictOf(event.repeat(5)).verdict, undefined, event)
        equal(verdictOf(event.repeat(5000)).verdict, 'answer', event)
      }
    }
  })

  test('nothing is said while the type of the first event has not come, or its failure is not whole', () => {
    const data = JSON.stringify({ type: 'response.failed', response: { error: { code: 'c', message: 'm' } } })
    const failure = `event: response.failed\ndata: ${data}`
    for (let length = 0; length < failure.length; length++) {
      equal(verdictOf(failure.slice(0, length)).verdict, undefined, failure.slice(0, length))
    }
    for (const beginning of [
      ': ping\n\n',
      'event: response.created',
      'data: {"type":"response.crea',
      'data: {"id":"r"',
    ]) {
      equal(verdictOf(beginning).verdict, undefined, beginning)
    }
  })

  test('what never says what it is, and a failure without end, are answers', () => {
    const pieces = Array.from({ length: 700 }, (_, i) => i * 500)
    equal(verdictOf(`data: {"id":"${'x'.repeat(5000)}`, pieces).verdict, 'answer')
    equal(verdictOf(`: ${'x'.repeat(5000)}`, pieces).verdict, 'answer')
    const long = `event: response.failed\ndata: {"type":"response.failed","more":"${'x'.repeat(300_000)}`
    equal(verdictOf(long.slice(0, 200_000), pieces).verdict, undefined)
    equal(verdictOf(long, pieces).verdict, 'answer')
  })
})
