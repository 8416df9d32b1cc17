/** What may lie between the gateway and upstream. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createHttpServer, request as httpRequest } from 'node:http'
import { connect, type AddressInfo, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'

export const TLS: string = join(import.meta.dirname, 'tls')
export const CA: string = join(TLS, 'ca.pem')

export interface Way extends AsyncDisposable {
  readonly port: number
  /** Where the bytes go. */
  target: string
  /** Hosts and ports that were asked for. */
  readonly asked: string[]
}

function wayOn(server: Server, way: { target: string; asked: string[] }, sockets: Set<Socket>): Way {
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket))
  })
  return Object.assign(way, {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  })
}

function joined(client: Socket, target: URL, sockets: Set<Socket>): void {
  const upstream = connect(Number(target.port), target.hostname)
  sockets.add(upstream)
  for (const socket of [client, upstream]) socket.on('error', () => upstream.destroy(void client.destroy()))
  client.pipe(upstream).pipe(client)
}

/** Speaks TLS with a certificate of a private authority, and passes on what comes. */
export async function tlsFront(): Promise<Way> {
  const way = { target: '', asked: [] as string[] }
  const sockets = new Set<Socket>()
  const options = { key: readFileSync(join(TLS, 'server.key')), cert: readFileSync(join(TLS, 'server.pem')) }
  const server = createTlsServer(options, (socket) => joined(socket, new URL(way.target), sockets))
  server.on('tlsClientError', () => undefined)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return wayOn(server, way, sockets)
}

/** An HTTP proxy: tunnels to hosts, and passes on requests for whole URLs (RFC 9112, 3.2.2). */
export async function proxy(): Promise<Way> {
  const way = { target: '', asked: [] as string[] }
  const sockets = new Set<Socket>()
  const server = createHttpServer()
  server.on('connect', (request, socket: Socket) => {
    way.asked.push(request.url ?? '')
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
    joined(socket, new URL(`http://${request.url}`), sockets)
  })
  server.on('request', (request, response) => {
    const url = new URL(request.url ?? '')
    way.asked.push(url.host)
    const { method, headers } = request
    const onward = httpRequest(url, { method, headers }, (reply) => {
      response.writeHead(reply.statusCode ?? 0, reply.headers)
      reply.pipe(response)
    })
    request.pipe(onward.on('error', () => response.destroy()))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return wayOn(server, way, sockets)
}
