import { getCACertificates } from 'node:tls'
import { Agent, buildConnector, EnvHttpProxyAgent, type Dispatcher } from 'undici'

/** Hosts in `noProxy` are reached directly; an absent proxy means none for that kind of URL. */
export interface ProxyRoute {
  readonly httpProxy: string | undefined
  readonly httpsProxy: string | undefined
  readonly noProxy: string
}

/** The way upstream. */
export interface WayOptions {
  /** Largest head of an answer. */
  readonly maxHeaderBytes: number
  readonly connectTimeoutMs: number
  /** Undefined: upstream is reached directly. */
  readonly proxy: ProxyRoute | undefined
  /** PEM certificates to trust beside the usual ones. */
  readonly ca: string | undefined
}

/** Kept-alive connections over HTTP/1.1, through the proxy where there is one. */
export function dispatcherOf(options: WayOptions): Dispatcher {
  const { ca, proxy } = options
  const tls = {
    timeout: options.connectTimeoutMs,
    ...(ca !== undefined && { ca: [...getCACertificates('default'), ca] }),
  }
  const shared = {
    maxHeaderSize: options.maxHeaderBytes,
    // Time limits are the gateway's own: a stream may be silent for minutes, a head for longer still.
    headersTimeout: 0,
    bodyTimeout: 0,
    // Of HTTP/2, which undici would take from whoever prefers it, the headers do not come raw.
    allowH2: false,
    connect: connectorOf({ ...tls, allowH2: false }),
  }
  return proxy
    ? new EnvHttpProxyAgent({ ...shared, ...explicit(proxy), requestTls: tls, proxyTls: tls })
    : new Agent(shared)
}

/**
 * undici (8.12) takes a reset for the end of an answer which only the end of its connection would end, and then what was
 * cut short looks whole; it does so by the error's code.
 */
function connectorOf(options: buildConnector.BuildOptions): buildConnector.connector {
  const connect = buildConnector(options)
  return (target, done) =>
    connect(target, (...connected) => {
      connected[1]?.on('error', (cause: NodeJS.ErrnoException) => {
        if (cause.code === 'ECONNRESET') cause.code = 'UND_ERR_SOCKET'
      })
      done(...connected)
    })
}

/** undici takes an absent proxy from the environment, which is not for an adapter to read: absent must be empty. */
function explicit(proxy: ProxyRoute): { httpProxy: string; httpsProxy: string; noProxy: string } {
  return { httpProxy: proxy.httpProxy ?? '', httpsProxy: proxy.httpsProxy ?? '', noProxy: proxy.noProxy }
}
