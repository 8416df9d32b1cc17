/** Codex as a server to another program, which is how voice is reached: JSON-RPC, a message a line, over its standard streams. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { createInterface } from 'node:readline'
import { until } from './stand.ts'

export type Message = Readonly<Record<string, unknown>>

export interface AppServer extends AsyncDisposable {
  /** Resolves with the result; rejects with what went wrong. */
  request(method: string, params: Message): Promise<Message>
  /** Resolves with the parameters of the first such notification that fits, also of one that has come already. */
  heard(method: string, fits?: (params: Message) => boolean): Promise<Message>
  /** The parameters of all such notifications so far. */
  all(method: string): readonly Message[]
}

/** `codex app-server`, with which nobody has spoken yet. */
export async function openAppServer(child: ChildProcessWithoutNullStreams): Promise<AppServer> {
  const messages: Message[] = []
  let requests = 0
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  createInterface(child.stdout).on('line', (line) => messages.push(JSON.parse(line) as Message))
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const say = (message: Message): void => {
    child.stdin.write(`${JSON.stringify(message)}\n`)
  }
  const find = async (what: string, fits: (message: Message) => boolean): Promise<Message> => {
    try {
      return await until(() => messages.find(fits))
    } catch (cause) {
      const seen = messages.map((message) => JSON.stringify(message).slice(0, 300)).join('\n')
      throw new Error(`no ${what} of the app-server, but:\n${seen}\n${stderr}`, { cause })
    }
  }
  const server: AppServer = {
    request: async (method, params) => {
      const id = ++requests
      say({ id, method, params })
      const answer = await find(`answer to ${method}`, (message) => message['id'] === id && !('method' in message))
      if (answer['error'] !== undefined) throw new Error(`${method}: ${JSON.stringify(answer['error'])}`)
      return answer['result'] as Message
    },
    heard: async (method, fits = () => true) => {
      const isIt = (message: Message): boolean => message['method'] === method && fits(message['params'] as Message)
      return (await find(method, isIt))['params'] as Message
    },
    all: (method) =>
      messages.flatMap((message) => (message['method'] === method ? [message['params'] as Message] : [])),
    [Symbol.asyncDispose]: async () => {
      child.stdin.end()
      child.kill('SIGKILL')
      await closed
    },
  }
  await server.request('initialize', {
    clientInfo: { name: 'codex-gateway-test', title: null, version: '0' },
    capabilities: { experimentalApi: true },
  })
  say({ method: 'initialized' })
  return server
}
