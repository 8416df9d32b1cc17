import { match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { always, error, proves, triesAgainLater, type ErrorRow } from '../support/error-row.ts'
import { failureIn } from '../support/wire.ts'

const OVERLOADED = error(503, null, 'overloaded', { 'retry-after': '1' })
const OVERLOADED_FOR_LONG = error(503, null, 'overloaded', { 'retry-after': '30' })

const TOO_MANY = error(429, null, 'The engine is currently overloaded, please try again later')
const TOO_MANY_FOR_LONG = { ...TOO_MANY, headers: { 'retry-after': '30' } }

const HOSTS: readonly ErrorRow[] = [
  {
    name: '503 is tried once more after its Retry-After, on the same key too',
    keys: ['alpha'],
    faults: [OVERLOADED],
    tries: [
      ['alpha', 'overloaded'],
      ['alpha', undefined],
    ],
    sees: 'answer',
    afterwards: ['alpha'],
  },
  {
    name: '503 of the key that a conversation had is tried once more on another key',
    keys: ['alpha', 'beta'],
    faults: [OVERLOADED],
    shape: { thread: 'one' },
    tries: [
      ['alpha', 'overloaded'],
      ['beta', undefined],
    ],
    sees: 'answer',
    afterwards: ['beta'],
  },
  {
    name: '503 twice is shown untouched, and the host rests for as long as it asked for last',
    queueSecs: 6,
    keys: ['alpha', 'beta'],
    faults: [OVERLOADED, OVERLOADED_FOR_LONG],
    tries: [
      ['alpha', 'overloaded'],
      ['beta', 'overloaded'],
    ],
    sees: OVERLOADED_FOR_LONG,
    afterwards: [],
  },
  {
    name: '529 that asks for more patience than there is, is shown untouched',
    keys: ['alpha'],
    faults: [error(529, null, 'overloaded', { 'retry-after': '50' })],
    tries: [['alpha', 'overloaded']],
    sees: error(529, null, 'overloaded', { 'retry-after': '50' }),
    afterwards: [],
  },
  {
    name: '429 slow_down pauses the host and is tried once more',
    keys: ['alpha'],
    faults: [error(429, 'slow_down', 'Slow down.')],
    tries: [
      ['alpha', 'overloaded'],
      ['alpha', undefined],
    ],
    sees: 'answer',
    afterwards: ['alpha'],
  },
  {
    name: '429 of an overload that lasts is told to Codex as a wait, for a bare 429 ends its turn',
    queueSecs: 6,
    keys: ['alpha'],
    faults: [TOO_MANY, always(TOO_MANY_FOR_LONG)],
    tries: [
      ['alpha', 'overloaded'],
      ['alpha', 'overloaded'],
    ],
    sees: (answered) => {
      triesAgainLater(answered)
      match(failureIn(answered.text)?.message ?? '', /^OpenAI says that it is overloaded\./)
    },
    afterwards: [],
  },
  {
    name: '429 of an overload that lasts is shown to others untouched',
    queueSecs: 6,
    keys: ['alpha'],
    faults: [TOO_MANY, always(TOO_MANY_FOR_LONG)],
    shape: { stream: false },
    tries: [
      ['alpha', 'overloaded'],
      ['alpha', 'overloaded'],
    ],
    sees: TOO_MANY_FOR_LONG,
    afterwards: [],
  },
  ...[500, 502, 504].map((status): ErrorRow => ({
    name: `${status} is tried once more on another key`,
    keys: ['alpha', 'beta'],
    faults: [error(status, null, 'oops')],
    tries: [
      ['alpha', 'server_error'],
      ['beta', undefined],
    ],
    sees: 'answer',
    afterwards: ['alpha', 'beta'],
  })),
  {
    name: '500 everywhere is shown untouched after two tries',
    keys: ['alpha', 'alpha-twin', 'beta'],
    faults: [{ ...error(500, null, 'oops'), times: 2 }],
    tries: [
      ['alpha', 'server_error'],
      ['alpha-twin', 'server_error'],
    ],
    sees: error(500, null, 'oops'),
    afterwards: ['alpha', 'alpha-twin', 'beta'],
  },
  {
    name: '500 of the only key is not tried again: Codex does that itself',
    keys: ['alpha'],
    faults: [error(500, null, 'oops')],
    tries: [['alpha', 'server_error']],
    sees: error(500, null, 'oops'),
    afterwards: ['alpha'],
  },
  {
    name: 'a reset before the head is tried once more on another key',
    keys: ['alpha', 'beta'],
    faults: [{ reset: 'before-head' }],
    tries: [
      ['alpha', 'reset'],
      ['beta', undefined],
    ],
    sees: 'answer',
    afterwards: ['alpha', 'beta'],
  },
  {
    name: 'a reset before the head of the only key is told as a wait',
    keys: ['alpha'],
    faults: [{ reset: 'before-head' }],
    tries: [['alpha', 'reset']],
    sees: triesAgainLater,
    afterwards: ['alpha'],
  },
  {
    name: 'a time-out before the head is tried once more, though the patience for waiting is shorter',
    queueSecs: 1.5,
    keys: ['alpha', 'beta'],
    faults: [{ headDelayMs: 60_000 }],
    tries: [
      ['alpha', 'timeout'],
      ['beta', undefined],
    ],
    sees: 'answer',
    afterwards: ['alpha', 'beta'],
  },
  {
    name: 'a time-out of every try is told as a wait',
    keys: ['alpha', 'beta'],
    faults: [{ headDelayMs: 60_000, times: 2 }],
    tries: [
      ['alpha', 'timeout'],
      ['beta', 'timeout'],
    ],
    sees: triesAgainLater,
    afterwards: ['alpha', 'beta'],
  },
]

suite("the table of upstream's own errors", { concurrency: 4 }, () => {
  for (const row of HOSTS) test(row.name, () => proves(row))
})
