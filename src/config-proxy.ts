import { isUrlOf } from './config-kinds.ts'
import type { ProxyRoute } from './config-shape.ts'
import { show } from './config-toml.ts'

type Env = Readonly<Record<string, string | undefined>>

/**
 * The way to upstream: by `own`, the value of `[upstream] proxy`, where it is set, else by the usual variables of the
 * environment. Judges those, not `own`, which the schema has judged.
 */
export function proxyOf(
  own: unknown,
  env: Env,
): { readonly route: ProxyRoute | undefined; readonly problems: readonly string[] } {
  if (typeof own === 'string' && own !== '') {
    return { route: { httpProxy: own, httpsProxy: own, noProxy: '' }, problems: [] }
  }
  const [http, https] = [variable('HTTP_PROXY', env), variable('HTTPS_PROXY', env)]
  const problems = [http, https].flatMap((one) => one?.problem ?? [])
  if (http === undefined && https === undefined) return { route: undefined, problems }
  const noProxy = env['no_proxy'] ?? env['NO_PROXY'] ?? ''
  return { route: { httpProxy: http?.url, httpsProxy: https?.url, noProxy }, problems }
}

/** A proxy without a scheme (`proxy.example.com:3128`) is common, and spoken to over HTTP. The name in lower case wins. */
function variable(name: string, env: Env): { readonly url: string; readonly problem: string | undefined } | undefined {
  const given = [name.toLowerCase(), name].find((one) => env[one])
  if (given === undefined) return undefined
  const text = env[given] ?? ''
  const url = text.includes('://') ? text : `http://${text}`
  if (isUrlOf(url, ['http:', 'https:'], true)) return { url, problem: undefined }
  const right = 'an http:// or https:// URL, such as "http://proxy.example.com:3128"'
  return { url, problem: `environment variable ${given} = ${show(url)}: must be ${right}` }
}
