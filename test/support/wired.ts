/** A gateway in front of an upstream of WebSockets that does what a test says. */
import { socketUpstream, type SocketUpstream } from './socket-upstream.ts'
import { startStand, type Stand, type StandOptions } from './stand.ts'

export interface Wired extends AsyncDisposable {
  readonly on: Stand
  readonly up: SocketUpstream
}

/** `upstream` are further settings of that section. */
export async function wired(options: StandOptions = {}, upstream = ''): Promise<Wired> {
  await using parts = new AsyncDisposableStack()
  const up = parts.use(await socketUpstream())
  const on = parts.use(await startStand({ ...options, toml: wiring(up.url, options.toml, upstream) }))
  const all = parts.move()
  return { on, up, [Symbol.asyncDispose]: () => all.disposeAsync() }
}

/** The settings of a gateway whose WebSockets go to an upstream of the test's. */
export function wiring(url: string, toml = '', upstream = ''): string {
  return `[upstream]\nws_base_url = "${url}"\n${upstream}[routes]\nwebsocket = true\n${toml}`
}
