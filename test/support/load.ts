/** Clients that call without a pause until their gateway is gone, and what they have seen by then. */
import { randomUUID } from 'node:crypto'
import { create, talk, type SocketTalk } from './socket-client.ts'
import { ask, eventsIn, says, turn } from './wire.ts'

/** What clients know. Every call is a turn of its own: its id names it to the gateway and to upstream. */
export class Heard {
  readonly asked: Set<string> = new Set()
  /** Turns whose end was seen: the id of the response. */
  readonly completed: Map<string, string> = new Map()
  /** WebSockets, by the thread that each has to itself: whether their client has closed them. */
  readonly threads: Map<string, 'open' | 'closed'> = new Map()
  /** Called at each of them. */
  onCompleted: () => void = () => undefined
  /** What no client should ever have been told. */
  readonly odd: string[] = []

  sawComplete(turn: string, response: string): void {
    this.completed.set(turn, response)
    this.onCompleted()
  }
}

export interface Load {
  readonly url: string
  readonly key: string
  readonly heard: Heard
  readonly random: () => number
  /** Whether the gateway is to be dead: what goes wrong from then on is what was wanted. */
  readonly killed: () => boolean
}

const MODELS = ['gpt-5.5', 'gpt-5.4', 'gpt-5.3-codex']
const END = 'response.completed'

/** Long enough for upstream to keep it, and to find it again in the next one. */
const LONG = says('It was a long story. '.repeat(400))

function question(random: () => number): { readonly model: string; readonly input: readonly unknown[] } {
  const model = MODELS[Math.floor(random() * MODELS.length)] ?? ''
  const asked = says(`What is the answer? ${'Think! '.repeat(random() * 60)}`)
  return { model, input: random() < 0.3 ? [LONG, asked] : [asked] }
}

/** One turn after another over HTTP, each over a connection of its own. */
export async function askOnAndOn({ url, key, heard, random, killed }: Load): Promise<void> {
  while (!killed()) {
    const id = randomUUID()
    heard.asked.add(id)
    let text = ''
    const hear = (piece: Buffer): void => {
      text += piece.toString('latin1')
      if (!text.endsWith('\n\n') || !text.includes(END)) return
      const last = eventsIn(text).at(-1)
      if (last?.['type'] === END) heard.sawComplete(id, responseIn(last))
    }
    try {
      const asked = turn(key, { thread: randomUUID(), turn: id, ...question(random) })
      const { status, whole } = await ask(url, { ...asked, hear })
      if (heard.completed.has(id) || killed()) continue
      heard.odd.push(`HTTP: ${status}, whole: ${whole}, ${text.slice(-300)}`)
    } catch (cause) {
      if (!killed()) heard.odd.push(`HTTP: ${String(cause)}`)
    }
  }
}

/** One conversation after another over WebSocket, each of some turns. */
export async function converseOnAndOn(load: Load): Promise<void> {
  const { url, key, heard, random, killed } = load
  while (!killed()) {
    const thread = randomUUID()
    try {
      using client = await talk(url, key, { thread })
      heard.threads.set(thread, 'open')
      let previous: string | undefined
      for (let left = 1 + Math.floor(random() * 5); left > 0; left--) {
        previous = await nextTurn(client, previous, load)
        if (previous === undefined) break
      }
      if (previous !== undefined) heard.threads.set(thread, 'closed')
      if (random() < 0.5) {
        client.socket.close(1000)
        await client.closed
      }
    } catch (cause) {
      if (!killed()) heard.odd.push(`WebSocket: ${String(cause)}`)
    }
  }
}

/** The id of the response; undefined when the connection went first. */
async function nextTurn(
  client: SocketTalk,
  previous: string | undefined,
  { heard, random, killed }: Load,
): Promise<string | undefined> {
  const id = randomUUID()
  const metadata = JSON.stringify({ turn_id: id, request_kind: 'turn' })
  const from = client.got.length
  heard.asked.add(id)
  client.say(
    create({
      ...question(random),
      client_metadata: { 'x-codex-turn-metadata': metadata },
      ...(previous !== undefined && { previous_response_id: previous }),
    }),
  )
  const response = await new Promise<string | undefined>((resolve) => {
    const heardOf = (data: Buffer): void => {
      if (!data.includes(`"type":"${END}"`)) return
      client.socket.off('message', heardOf)
      resolve(responseIn(JSON.parse(data.toString()) as Record<string, unknown>))
    }
    const gone = (): void => resolve(undefined)
    client.socket.on('message', heardOf)
    client.closed.then(gone, gone)
  })
  if (response !== undefined) heard.sawComplete(id, response)
  else if (!killed()) heard.odd.push(`WebSocket closed in a turn: ${String(client.got.slice(from).at(-1)?.data)}`)
  return response
}

function responseIn(event: Readonly<Record<string, unknown>>): string {
  return (event['response'] as { readonly id: string }).id
}
