import type { Dialect } from '../core/meter.ts'
import { Refusal } from '../core/refusal.ts'

export type Route =
  | { readonly kind: 'call'; readonly path: string; readonly dialect: Dialect; readonly socket?: true }
  | { readonly kind: 'models'; readonly path: string }

const ROUTES: ReadonlyMap<string, Route> = new Map(
  (
    [
      ['POST', { kind: 'call', path: '/v1/responses', dialect: 'responses' }],
      ['POST', { kind: 'call', path: '/v1/responses/compact', dialect: 'responses' }],
      ['POST', { kind: 'call', path: '/v1/chat/completions', dialect: 'chat' }],
      ['GET', { kind: 'models', path: '/v1/models' }],
    ] as const
  ).map(([method, route]) => [`${method} ${route.path}`, route]),
)

/** Which of the gateway's routes a request takes; throws a Refusal that lists them when it takes none. */
export function routeOf(method: string, pathAndQuery: string): Route {
  const path = pathAndQuery.split('?', 1)[0] ?? ''
  const route = ROUTES.get(`${method} ${path}`)
  if (route) return route
  const listed = [...ROUTES.keys()].join(', ')
  throw new Refusal(
    'not_found',
    `There is no ${method.slice(0, 20)} ${path.slice(0, 200)} here. The gateway serves ${listed}.`,
  )
}
