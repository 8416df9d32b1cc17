import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Fault } from '../../src/simulator/simulator.ts'
import { create, talk, type SocketTalk } from '../support/socket-client.ts'
import { startStand, until, type Stand } from '../support/stand.ts'
import { expectTruth } from '../support/truth.ts'

/** One place and one seat: when one of them is kept, the next turn is refused. */
async function stand(): Promise<Stand> {
  return await startStand({
    simulator: { text: 'Hello from here.', tokens: 'bytes' },
    member: { maxConcurrent: 1 },
    upstreams: [{ name: 'alpha', maxConcurrent: 1 }],
    toml: '[upstream]\nmax_failures_before_cooldown = 1000\n[routes]\nwebsocket = true\n[limits]\ncodex_queue_secs = 5\n',
  })
}

const ids = (client: SocketTalk): readonly string[] =>
  client
    .events()
    .flatMap(({ type, response }) => (type === 'response.completed' ? [(response as { id: string }).id] : []))

/** Goes on from the turn before, if there was one. */
function say(client: SocketTalk): void {
  const previous = ids(client).at(-1)
  client.say(create(previous === undefined ? {} : { previous_response_id: previous }))
}

/** A conversation whose first turns are over: so many events each of its turns has. */
async function afterTurns(on: Stand, turns: number, thread: string): Promise<{ client: SocketTalk; events: number }> {
  const client = await talk(on.url, on.key, { thread })
  for (let turn = 0; turn < turns; turn++) {
    const from = client.got.length
    say(client)
    const end = await until(() => {
      const events = client.events().slice(from)
      return events.find(({ type }) => /^(?:response\.(?:completed|failed)|error)$/.test(String(type)))
    })
    equal(end['type'], 'response.completed', 'a place or a seat was kept')
  }
  return { client, events: client.got.length }
}

/** Sockets of this process, which are both sides of all. */
const sockets = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length

/** Nothing is left of a conversation: neither a connection nor a place, nor a row that is not settled. */
async function expectNothingLeft(on: Stand, before: number): Promise<void> {
  await until(() => (on.simulator.openConnections() === 0 && sockets() === before ? true : undefined))
  const { client } = await afterTurns(on, 1, 'next')
  client.socket.terminate()
  await until(() => (on.simulator.openConnections() === 0 && sockets() === before ? true : undefined))
}

/** `lost` are responses whose terminal event a reset has taken with it on its way to the gateway. */
async function expectRowsLikeTruth(on: Stand, lost: ReadonlySet<string> = new Set()): Promise<void> {
  const [rows, truth] = [await on.settled(), on.simulator.truth()]
  equal(rows.length, truth.length)
  const responses = rows.map(({ responseId }) => responseId).filter((id) => id !== undefined)
  equal(new Set(responses).size, responses.length)
  expectTruth(
    rows,
    truth.filter(({ id }) => !lost.has(id)),
  )
}

/** Of the last call but one: of the one behind it nothing is wrong. */
async function rowBefore(on: Stand): Promise<readonly unknown[]> {
  const row = (await on.settled())[1]
  return [row?.ending, row?.precision, row?.responseId !== undefined]
}

/** How a client leaves. */
const LEAVINGS: Readonly<Record<string, (client: SocketTalk) => void>> = {
  'is reset': ({ head }) => head.socket.resetAndDestroy(),
  'just ends': ({ socket }) => socket.terminate(),
  closes: ({ socket }) => socket.close(1000, 'bye'),
}

/** How upstream leaves, after so many events. */
const BREAKS: Readonly<Record<string, (afterEvents: number) => Fault>> = {
  'is reset': (afterEvents) => ({ reset: { afterEvents } }),
  closes: (afterEvents) => ({ close: { afterEvents, code: 1011, reason: 'oops' } }),
  'closes without a code': (afterEvents) => ({ close: { afterEvents } }),
}

/** What the client is told of it in the middle of a turn. */
const codes: Readonly<Record<string, number>> = { 'is reset': 1006, closes: 1011, 'closes without a code': 1005 }

/** How many events a turn has. */
async function eventCount(on: Stand): Promise<number> {
  const { client, events } = await afterTurns(on, 1, 'count')
  client.socket.terminate()
  await until(() => (on.simulator.openConnections() === 0 ? true : undefined))
  ok(events > 10, `${events} events`)
  return events
}

suite('a conversation over WebSocket, whatever event was its last,', () => {
  for (const turns of [0, 1]) {
    const which = turns === 0 ? 'first' : 'second'
    for (const [how, leave] of Object.entries(LEAVINGS)) {
      test(`is settled once and leaves nothing when its client ${how} in its ${which} turn`, async () => {
        await using on = await stand()
        const total = await eventCount(on)
        const before = sockets()
        for (let seen = 1; seen <= total; seen++) {
          const { client, events } = await afterTurns(on, turns, `t${seen}`)
          on.simulator.script({ stall: { afterEvents: seen } })
          say(client)
          await until(() => (client.got.length >= events + seen ? true : undefined))
          leave(client)
          await client.closed
          await expectNothingLeft(on, before)
          const left = seen === total ? ['complete', 'exact', true] : ['client-left', 'estimated', true]
          deepEqual(await rowBefore(on), left, `after ${seen} events`)
        }
        await expectRowsLikeTruth(on)
      })
    }

    for (const [how, fault] of Object.entries(BREAKS)) {
      test(`is settled once and leaves nothing when upstream ${how} in its ${which} turn`, async () => {
        await using on = await stand()
        const total = await eventCount(on)
        const before = sockets()
        const lost = new Set<string>()
        for (let sent = 0; sent <= total; sent++) {
          const { client, events } = await afterTurns(on, turns, `t${sent}`)
          on.simulator.script(fault(sent))
          say(client)
          const { code } = await client.closed
          const types = client
            .events()
            .slice(events)
            .map(({ type }) => type)
          const [created, whole] = [types.includes('response.created'), types.includes('response.completed')]
          // A reset may overtake what was sent before it.
          if (how !== 'is reset') deepEqual([created, whole, types.length], [sent > 0, sent === total, sent])
          equal(code, whole ? 1012 : codes[how], `after ${sent} events`)
          await expectNothingLeft(on, before)
          const broke = ['upstream-broke', created ? 'estimated' : 'unknown', created]
          deepEqual(await rowBefore(on), whole ? ['complete', 'exact', true] : broke, `after ${sent} events`)
          if (sent === total && !whole) lost.add(on.simulator.truth().at(-2)?.id ?? '')
        }
        await expectRowsLikeTruth(on, lost)
      })
    }
  }
})
