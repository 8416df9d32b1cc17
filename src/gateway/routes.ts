import type { CallKind } from '../core/intent.ts'
import type { Dialect } from '../core/meter.ts'
import { Refusal } from '../core/refusal.ts'
import type { Switches } from './gateway.ts'

export type Route =
  | {
      readonly kind: 'call'
      readonly path: string
      readonly dialect: Dialect
      /** What its calls are for, whatever their headers and bodies say. */
      readonly purpose?: CallKind
      readonly switch?: keyof Switches
      readonly socket?: true
    }
  | { readonly kind: 'models'; readonly path: string; readonly switch?: undefined }
  | { readonly kind: 'usage'; readonly path: string; readonly switch?: undefined }

const VOICE = { kind: 'call', dialect: 'responses', purpose: 'realtime_call', switch: 'webrtc' } as const

const ROUTES: ReadonlyMap<string, Route> = new Map(
  (
    [
      ['POST', { kind: 'call', path: '/v1/responses', dialect: 'responses' }],
      ['POST', { kind: 'call', path: '/v1/responses/compact', dialect: 'responses' }],
      ['POST', { kind: 'call', path: '/v1/chat/completions', dialect: 'chat' }],
      ['POST', { kind: 'call', path: '/v1/alpha/search', dialect: 'responses', purpose: 'search', switch: 'search' }],
      ['POST', { ...VOICE, path: '/v1/realtime/calls' }],
      ['POST', { ...VOICE, path: '/v1/live' }],
      ['GET', { kind: 'models', path: '/v1/models' }],
      ['GET', { kind: 'usage', path: '/v1/usage' }],
    ] as const
  ).map(([method, route]) => [`${method} ${route.path}`, route]),
)

/** Which of the gateway's routes a request takes; throws a Refusal when it takes none, or one that is switched off. */
export function routeOf(method: string, pathAndQuery: string, switches: Switches): Route {
  const path = pathAndQuery.split('?', 1)[0] ?? ''
  const route = ROUTES.get(`${method} ${path}`)
  if (route?.switch !== undefined) checkSwitched(`${method} ${path}`, route.switch, switches)
  if (route) return route
  const on = [...ROUTES].filter(([, each]) => each.switch === undefined || switches[each.switch])
  const listed = on.map(([name]) => name).join(', ')
  throw new Refusal(
    'not_found',
    `There is no ${method.slice(0, 20)} ${path.slice(0, 200)} here. The gateway serves ${listed}.`,
  )
}

/** Throws a Refusal when what was asked for is switched off. */
function checkSwitched(what: string, name: keyof Switches, switches: Switches): void {
  if (switches[name]) return
  throw new Refusal(
    'not_found',
    `${what} is switched off at this gateway. Your gateway admin may switch it on, with ${name} = true under [routes].`,
  )
}
