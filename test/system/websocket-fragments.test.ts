import { deepEqual } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { CallRow } from '../../src/ports.ts'
import { chunks, inPieces, pieces, WHOLE, writeInChunks, type Chunks, type Pieces } from '../support/fragments.ts'
import { OPCODE } from '../support/frames.ts'
import {
  rawSocketUpstream,
  rawTalk,
  type Message,
  type RawPeer,
  type RawSocketUpstream,
} from '../support/raw-socket.ts'
import { create } from '../support/socket-client.ts'
import { USAGE } from '../support/socket-upstream.ts'
import { startStand, until, type Stand } from '../support/stand.ts'
import { wiring } from '../support/wired.ts'

const RUNS = 40

const text = (value: unknown): Message => ({ binary: false, data: Buffer.from(JSON.stringify(value)) })

/** Small ones, ones whose length takes two bytes, and ones whose length takes eight. */
const padding = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc.integer({ min: 100, max: 5000 }).map((length) => 'é'.repeat(length)),
  fc.integer({ min: 65_000, max: 150_000 }).map((length) => 'x'.repeat(length)),
)
const binary = fc.uint8Array({ maxLength: 300 }).map((bytes): Message => ({ binary: true, data: Buffer.from(bytes) }))
/** What neither begins a turn nor ends one. */
const beside = fc.oneof(
  binary,
  padding.map((value) => text({ type: 'something.unknown', value })),
)
const delta = padding.map((value) => text({ type: 'response.output_text.delta', delta: value }))
const limits = fc.constant(text({ type: 'codex.rate_limits', rate_limits: { primary: { used_percent: 99 } } }))

/** What one side says, and how it is written. */
interface Said {
  readonly messages: readonly Message[]
  readonly pieces: readonly Pieces[]
  readonly chunks: Chunks
}

const written = { pieces: fc.array(pieces, { minLength: 1, maxLength: 8 }), chunks }
const asked: fc.Arbitrary<Said> = fc.record({
  messages: fc
    .tuple(fc.array(beside, { maxLength: 3 }), padding)
    .map(([before, instructions]) => [...before, text(create({ instructions }))]),
  ...written,
})
const answered: fc.Arbitrary<Said> = fc.record({
  messages: fc
    .array(fc.oneof(delta, beside, limits), { maxLength: 6 })
    .chain((middle) =>
      padding.map((output) => [
        text({ type: 'response.created', response: { id: 'ID', usage: null } }),
        ...middle,
        text({ type: 'response.completed', response: { id: 'ID', output, status: 'completed', usage: USAGE } }),
      ]),
    ),
  ...written,
})
const conversation = fc.array(fc.tuple(asked, answered), { minLength: 1, maxLength: 2 })

const isLimits = ({ data }: Message): boolean => data.includes('"codex.rate_limits"')
const plain = (messages: readonly Message[]): readonly string[] =>
  messages.map(({ binary: bytes, data }) => `${bytes ? 'binary' : 'text'} ${data.toString('latin1')}`)

async function say(peer: RawPeer, said: Said, client: boolean): Promise<void> {
  const bytes = said.messages.map((message, i) =>
    inPieces(message, said.pieces[i % said.pieces.length] ?? WHOLE, client),
  )
  await writeInChunks(peer.socket, Buffer.concat(bytes), said.chunks)
}

/** What of a row depends on what was metered, whenever that was. */
function metered(row: CallRow): readonly unknown[] {
  const { kind, ending, status, precision, attempts, credits, model } = row
  const { inputTokens, cachedInputTokens, outputTokens, reasoningTokens } = row
  // Estimates are learned from what ran before.
  if (precision !== 'exact') return [kind, ending, status, precision, attempts, model]
  return [
    kind,
    ending,
    status,
    precision,
    attempts,
    credits,
    model,
    inputTokens,
    cachedInputTokens,
    outputTokens,
    reasoningTokens,
  ]
}

interface Line {
  readonly on: Stand
  readonly up: RawSocketUpstream
  /** What upstream has heard. */
  readonly heard: readonly Message[]
  /** What upstream says when it is asked next. */
  next: Said | undefined
}

/** Has a conversation, and returns how its turns were metered. */
async function converse(line: Line, turns: readonly (readonly [Said, Said])[]): Promise<readonly unknown[]> {
  const before = (await line.on.settled()).length
  const client = await rawTalk(line.on.url, line.on.key)
  const from = line.heard.length
  for (const [ask, answer] of turns) {
    line.next = answer
    const seen = client.messages.length
    await say(client, ask, true)
    const expected = answer.messages.filter((message) => !isLimits(message))
    await until(() => (client.messages.length >= seen + expected.length ? true : undefined))
    deepEqual(plain(client.messages.slice(seen)), plain(expected))
  }
  deepEqual(plain(line.heard.slice(from)), plain(turns.flatMap(([{ messages }]) => messages)))
  const upstream = line.up.peers.at(-1)
  // Every ping was answered, on both sides, with what it said.
  for (const [peer, said] of [
    [client, turns.map(([ask]) => ask)],
    [upstream, turns.map(([, answer]) => answer)],
  ] as const) {
    const pings = said.flatMap(pingsIn)
    await until(() => ((peer?.controls.length ?? 0) >= pings.length ? true : undefined))
    const pongs = peer?.controls.filter(({ opcode }) => opcode === OPCODE.pong) ?? []
    deepEqual(
      pongs.map(({ payload }) => payload.toString()),
      pings,
    )
  }
  client.socket.resetAndDestroy()
  await upstream?.closing
  upstream?.socket.end()
  await until(() => (line.up.open() === 0 ? true : undefined))
  return (await line.on.settled()).toReversed().slice(before).map(metered)
}

function pingsIn({ messages, pieces: ways }: Said): readonly string[] {
  return messages.flatMap((_, i) => {
    const { cuts, between } = ways[i % ways.length] ?? WHOLE
    return [0, ...cuts].flatMap((_cut, at) => (between[at % between.length] === 'ping' ? [`ping ${at}`] : []))
  })
}

const whole = (said: Said): Said => ({ ...said, pieces: [WHOLE], chunks: { early: [], anywhere: [] } })

suite('messages in pieces', () => {
  test('pass as the same messages in the same order, and are metered as if they were whole', async () => {
    const heard: Message[] = []
    await using up = await rawSocketUpstream((message, peer) => {
      heard.push(message)
      if (!message.binary && message.data.includes('"response.create"') && line.next) void say(peer, line.next, false)
    })
    await using on = await startStand({ toml: wiring(up.url), member: { maxConcurrent: 1 } })
    const line: Line = { on, up, heard, next: undefined }
    await fc.assert(
      fc.asyncProperty(conversation, async (turns) => {
        const inPiecesRows = await converse(line, turns)
        const wholeRows = await converse(
          line,
          turns.map(([ask, answer]) => [whole(ask), whole(answer)] as const),
        )
        deepEqual(inPiecesRows, wholeRows)
        deepEqual(wholeRows.length, turns.length)
      }),
      { numRuns: RUNS, endOnFailure: true },
    )
  })
})
