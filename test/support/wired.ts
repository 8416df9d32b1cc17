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
  const toml = `[upstream]\nws_base_url = "${up.url}"\n${upstream}[routes]\nwebsocket = true\n${options.toml ?? ''}`
  const on = parts.use(await startStand({ ...options, toml }))
  const all = parts.move()
  return { on, up, [Symbol.asyncDispose]: () => all.disposeAsync() }
}
