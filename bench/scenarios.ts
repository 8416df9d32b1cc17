import { STREAM_EVENTS } from './answers.ts'
import type { RequestKind } from './requests.ts'
import type { UpstreamOrder } from './upstream.ts'

/** What is asked, how it is answered, and for how long. */
export interface Drive {
  readonly upstream: UpstreamOrder
  readonly connections: number
  /** 0: every connection asks once. */
  readonly durationMs: number
  readonly rampMs: number
}

interface Named {
  /** For `--only`. */
  readonly name: string
  readonly title: string
  readonly rounds: number
}

/** Requests, or turns over WebSockets, are sent and answered. */
export interface Scenario extends Named, Drive {
  readonly over: 'http' | 'websocket'
  readonly request: RequestKind
  /** Runs before anything counts. */
  readonly warmUp: Drive
}

/** So many WebSockets are open, and nothing is said. */
export interface IdleScenario extends Named {
  readonly sockets: number
}

const UNARY: UpstreamOrder = { answer: 'unary' }

function fullSpeed(events: number): UpstreamOrder {
  return { answer: 'stream', events, everyMs: 0 }
}

/** How many frames a turn over a WebSocket has where they come at once. */
const TURN_EVENTS = 40

/** What Codex sends with the first prompt of a conversation, without the tools that its user added. */
const SMALL_BYTES = 2000

/** Everything that is driven; briefly where `quick`. */
export function scenarios(quick: boolean): readonly Scenario[] {
  const times: Times = quick
    ? { warmUpMs: 700, durationMs: 1000, rounds: 2 }
    : { warmUpMs: 2500, durationMs: 3000, rounds: 5 }
  const unary = { stream: false, bodyBytes: SMALL_BYTES }
  const streamed = { stream: true, bodyBytes: SMALL_BYTES }
  return [
    closed('json-1', 'JSON of 1 KB, 1 at a time', { request: unary, upstream: UNARY, connections: 1 }, times),
    closed('json-32', 'JSON of 1 KB, 32 at once', { request: unary, upstream: UNARY, connections: 32 }, times),
    closed(
      'sse-1',
      'SSE at full speed, 1 at a time',
      { request: streamed, upstream: fullSpeed(STREAM_EVENTS), connections: 1 },
      times,
    ),
    closed(
      'sse-32',
      'SSE at full speed, 32 at once',
      { request: streamed, upstream: fullSpeed(STREAM_EVENTS), connections: 32 },
      times,
    ),
    closed(
      'body-40k',
      'Body of 40 KB, 8 at once',
      { request: { ...unary, bodyBytes: 40_000 }, upstream: UNARY, connections: 8 },
      times,
    ),
    closed(
      'body-1m',
      'Body of 1 MB, 8 at once',
      { request: { ...unary, bodyBytes: 1_000_000 }, upstream: UNARY, connections: 8 },
      times,
    ),
    paced(
      'paced-400',
      'SSE paced, 400 streams',
      { connections: 400, events: STREAM_EVENTS, everyMs: 50, rampMs: 1000 },
      quick ? 1 : 5,
    ),
    paced(
      'paced-1000',
      'SSE paced, 1,000 streams',
      { connections: 1000, events: 50, everyMs: 250, rampMs: 2000 },
      quick ? 1 : 3,
    ),
    overWebSocket(
      closed(
        'ws-64',
        `WebSocket at full speed, 64 sockets (turns of ${TURN_EVENTS} frames)`,
        { request: streamed, upstream: fullSpeed(TURN_EVENTS), connections: 64 },
        times,
      ),
    ),
    overWebSocket(
      paced(
        'ws-paced-400',
        'WebSocket paced, 400 sockets',
        { connections: 400, events: STREAM_EVENTS, everyMs: 25, rampMs: 1000 },
        quick ? 1 : 5,
      ),
    ),
  ]
}

/** Sockets that are idle. */
export function idleScenarios(quick: boolean): readonly IdleScenario[] {
  const sockets = quick ? 1000 : 5000
  const title = `WebSocket idle, ${sockets.toLocaleString('en-US')} sockets`
  return [{ name: 'ws-idle', title, sockets, rounds: quick ? 1 : 3 }]
}

function overWebSocket(scenario: Scenario): Scenario {
  const unit = (title: string): string => title.replace(/ events/, ' frames')
  return { ...scenario, title: unit(scenario.title), over: 'websocket' }
}

interface Times {
  readonly warmUpMs: number
  readonly durationMs: number
  readonly rounds: number
}

/** Every connection asks again as soon as it is answered. */
function closed(
  name: string,
  title: string,
  ask: { readonly request: RequestKind; readonly upstream: UpstreamOrder; readonly connections: number },
  { warmUpMs, durationMs, rounds }: Times,
): Scenario {
  const drive = { upstream: ask.upstream, connections: ask.connections, durationMs, rampMs: 0 }
  return {
    name,
    title,
    over: 'http',
    request: ask.request,
    ...drive,
    warmUp: { ...drive, durationMs: warmUpMs },
    rounds,
  }
}

/** Every connection asks once, and its answer comes event by event, as a model writes. */
function paced(
  name: string,
  title: string,
  pace: { readonly connections: number; readonly events: number; readonly everyMs: number; readonly rampMs: number },
  rounds: number,
): Scenario {
  const { connections, events, everyMs, rampMs } = pace
  return {
    name,
    title: `${title} (${events} events, one in ${everyMs} ms)`,
    over: 'http',
    request: { stream: true, bodyBytes: SMALL_BYTES },
    upstream: { answer: 'stream', events, everyMs },
    connections,
    durationMs: 0,
    rampMs,
    warmUp: { upstream: { answer: 'stream', events, everyMs: 10 }, connections: 100, durationMs: 0, rampMs: 500 },
    rounds,
  }
}

/** How many events an answer has; 0 where it is not streamed. */
export function eventsOf({ upstream }: Drive): number {
  return upstream.answer === 'unary' ? 0 : upstream.events
}

/** Whether answers come at a pace, so that nothing can be said of how many would fit into a second. */
export function isPaced({ upstream }: Drive): boolean {
  return upstream.answer === 'stream' && upstream.everyMs > 0
}
