/** The ledger of gateways that were killed, held against what upstream and the clients know. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import type { Simulator, TrueCall } from '../../src/simulator/simulator.ts'
import { rowsIn, type FileRow } from './ledger-file.ts'
import type { Heard } from './load.ts'
import { trueCredits } from './true-credits.ts'

/** How often a call came to which end, so that a test can ask whether its kills hit what they should. */
export interface Tally {
  readonly exact: number
  /** Upstream had the call. */
  readonly cutShort: number
  /** Written down, with an attempt or without, and never seen upstream. */
  readonly announced: number
  readonly neverAttempted: number
  /** Settled as complete, and its client never saw it. */
  readonly unseen: number
}

/** Says of a row's instance how its process was killed. */
export type Story = (pid: unknown) => string

/** Every call stands in the ledger as it was, and once. All rows are settled. */
export async function expectCalls(folder: string, simulator: Simulator, heard: Heard, story: Story): Promise<Tally> {
  const rows = await callsIn(folder)
  const truth = truthByTurn(simulator)
  const rowOf = new Map(rows.map((row) => [String(row['turn_id']), row]))
  const told = (row: FileRow | undefined): string => `${story(row?.['pid'])}: ${JSON.stringify(row)}`
  equal(rowOf.size, rows.length, 'a call stands in the ledger twice')
  for (const [turn, call] of truth) {
    ok(rowOf.has(turn), `no row for a call that reached upstream: ${JSON.stringify(call)}`)
  }
  for (const [turn, response] of heard.completed) {
    const row = rowOf.get(turn)
    const found = [row?.['ending'], row?.['precision'], row?.['response_id']]
    deepEqual(found, ['complete', 'exact', response], `what a client has seen completed is not exact: ${told(row)}`)
  }
  for (const [turn, row] of rowOf) {
    ok(heard.asked.has(turn), `nobody asked for ${told(row)}`)
    const call = truth.get(turn)
    const expected = row['ending'] === 'complete' && call ? completeRow(call) : interruptedRow(row, call)
    deepEqual(seenOf(row), expected, told(row))
  }
  return tallyOf(rows, truth, heard)
}

function tallyOf(rows: readonly FileRow[], truth: ReadonlyMap<string, TrueCall>, { completed }: Heard): Tally {
  const complete = rows.filter(({ ending }) => ending === 'complete')
  const [unknown, cutShort] = [false, true].map((known) =>
    rows.filter(({ ending, turn_id: turn }) => ending === 'interrupted' && truth.has(String(turn)) === known),
  )
  const neverAttempted = unknown?.filter(({ attempts }) => attempts === 0).length ?? 0
  return {
    exact: complete.length,
    cutShort: cutShort?.length ?? 0,
    announced: (unknown?.length ?? 0) - neverAttempted,
    neverAttempted,
    unseen: complete.filter(({ turn_id: turn }) => !completed.has(String(turn))).length,
  }
}

function callsIn(folder: string): Promise<readonly FileRow[]> {
  return rowsIn(
    folder,
    `SELECT c.*, i.pid, u.name AS upstream_name, b.name AS tried, a.status AS tried_status,
       a.error_class, a.sent, (SELECT COUNT(*) FROM attempts WHERE call = c.seq) AS attempts
     FROM calls c
     LEFT JOIN instances i ON i.id = c.instance
     LEFT JOIN upstreams u ON u.id = c.upstream
     LEFT JOIN attempts a ON a.call = c.seq AND a.number = 1
     LEFT JOIN upstreams b ON b.id = a.upstream`,
  )
}

/** Over WebSocket a call is the next message of its connection; over HTTP a header names it. */
function truthByTurn(simulator: Simulator): ReadonlyMap<string, TrueCall> {
  const frames = Map.groupBy(simulator.frames(), ({ connection }) => connection)
  const said = new Map([...frames].map(([connection, list]) => [connection, list.map(({ text }) => turnIn(text))]))
  const calls = simulator.truth().map((call): [string, TrueCall] => {
    if (call.connection !== undefined) return [said.get(call.connection)?.shift() ?? '', call]
    const { requestHeaders } = call
    const metadata = requestHeaders[requestHeaders.indexOf('x-codex-turn-metadata') + 1] ?? ''
    return [(JSON.parse(metadata) as { readonly turn_id: string }).turn_id, call]
  })
  const byTurn = new Map(calls)
  equal(byTurn.size, calls.length, 'a call has reached upstream twice')
  return byTurn
}

function turnIn(frame: string): string {
  const { client_metadata: metadata } = JSON.parse(frame) as { readonly client_metadata: Record<string, string> }
  return (JSON.parse(metadata['x-codex-turn-metadata'] ?? '') as { readonly turn_id: string }).turn_id
}

const COLUMNS = ['ending', 'precision', 'status', 'response_id', 'upstream_name', 'organization', 'service_tier']
const TOKENS = ['input_tokens', 'cached_input_tokens', 'cache_write_tokens', 'output_tokens', 'reasoning_tokens']
const ATTEMPT = ['attempts', 'tried', 'tried_status', 'error_class', 'sent']
const SEEN = ['transport', 'model', ...COLUMNS, ...TOKENS, 'credits', 'messages', ...ATTEMPT]

function seenOf(row: FileRow): Record<string, unknown> {
  return Object.fromEntries(SEEN.map((column) => [column, row[column]]))
}

/** What is settled by the usage that upstream stated. */
function completeRow(call: TrueCall): Record<string, unknown> {
  return {
    transport: call.transport === 'ws' ? 'ws' : 'sse',
    model: call.model,
    ending: 'complete',
    precision: 'exact',
    status: 200,
    response_id: call.id,
    upstream_name: call.key,
    organization: call.organization,
    service_tier: call.serviceTier,
    input_tokens: call.inputTokens,
    cached_input_tokens: call.cachedInputTokens,
    cache_write_tokens: call.cacheWriteTokens,
    output_tokens: call.outputTokens,
    reasoning_tokens: call.reasoningTokens,
    credits: Number(trueCredits([call])),
    messages: 1,
    attempts: 1,
    tried: call.key,
    tried_status: 200,
    error_class: null,
    sent: 1,
  }
}

/** What the next gateway settles: for what it held where it may have gone upstream, which it has if upstream knows it. */
function interruptedRow(row: FileRow, call: TrueCall | undefined): Record<string, unknown> {
  const attempted = call !== undefined || row['attempts'] !== 0
  ok(Number(row['hold']) > 0)
  return {
    transport: call === undefined ? row['transport'] : call.transport === 'ws' ? 'ws' : 'sse',
    model: call === undefined ? row['model'] : call.model,
    ending: 'interrupted',
    precision: attempted ? 'estimated' : 'exact',
    status: null,
    response_id: null,
    upstream_name: null,
    organization: null,
    service_tier: null,
    input_tokens: 0,
    cached_input_tokens: 0,
    cache_write_tokens: 0,
    output_tokens: 0,
    reasoning_tokens: 0,
    credits: attempted ? row['hold'] : 0,
    messages: attempted ? 1 : 0,
    attempts: attempted ? 1 : 0,
    tried: attempted ? (call?.key ?? row['tried']) : null,
    tried_status: null,
    error_class: null,
    sent: null,
  }
}

/** Every WebSocket with a call has its row, and each row an end: what was open at a kill was interrupted. */
export async function expectConnections(
  folder: string,
  { threads }: Heard,
  story: Story,
): Promise<{ readonly interrupted: number }> {
  const rows = await rowsIn(folder, 'SELECT c.*, i.pid FROM connections c LEFT JOIN instances i ON i.id = c.instance')
  const rowOf = new Map(rows.map((row) => [String(row['thread_id']), row]))
  equal(rowOf.size, rows.length, 'a WebSocket stands in the ledger twice')
  for (const { thread_id: thread, calls } of await rowsIn(
    folder,
    `SELECT thread_id, COUNT(*) AS calls FROM calls WHERE transport = 'ws' GROUP BY thread_id`,
  )) {
    const row = rowOf.get(String(thread))
    const told = `${story(row?.['pid'])}: ${JSON.stringify(row)}`
    ok(row, `no row for the WebSocket of ${String(thread)}`)
    ok(row['ended_at'] !== null, `left open: ${told}`)
    const left = row['reason'] === 'client left'
    if (left) deepEqual([threads.get(String(thread)), row['client_messages']], ['closed', calls], told)
    else deepEqual([row['reason'], row['code'], row['client_messages']], ['interrupted', null, 0], told)
  }
  equal(rows.filter((row) => row['ended_at'] === null).length, 0)
  return { interrupted: rows.filter(({ reason }) => reason === 'interrupted').length }
}
