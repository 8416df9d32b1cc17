import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { header, replyHeaders, upstreamHeaders } from './headers.ts'
import { limitHeaders } from './limits.ts'
import type { Standing } from './quota.ts'
import { FIVE_HOURS_MS, WEEK_MS } from './quota.ts'

const DROPPED_UPSTREAM =
  'authorization x-api-key api-key connection keep-alive proxy-authorization proxy-authenticate proxy-connection te trailer transfer-encoding upgrade cookie accept-encoding expect forwarded via x-forwarded-for x-forwarded-proto x-real-ip x-original-forwarded-for client-ip true-client-ip x-client-ip x-cluster-client-ip fastly-client-ip fly-client-ip cdn-loop client-cert client-cert-chain cf-connecting-ip cf-ray cf-visitor cf-ipcountry cf-warp-tag-id cf-access-jwt-assertion x-envoy-external-address x-amzn-trace-id x-amzn-oidc-accesstoken x-amz-cf-id x-azure-clientip x-appengine-user-ip x-goog-iap-jwt-assertion x-goog-authenticated-user-email x-auth-request-access-token x-ms-token-aad-access-token x-ms-client-principal x-ms-client-principal-name x-remote-user remote-user remote-email remote-groups remote-name x-authentik-jwt x-pomerium-jwt-assertion tailscale-user-login openai-organization openai-project host content-length'.split(
    ' ',
  )
const DROPPED_BACK =
  'connection keep-alive transfer-encoding trailer upgrade set-cookie alt-svc strict-transport-security x-codex-primary-used-percent x-codex-secondary-reset-at x-codex-bengalfox-primary-used-percent x-other-secondary-window-minutes x-codex-limit-name x-codex-credits-balance x-codex-credits-has-credits x-codex-active-limit x-codex-promo-message x-codex-rate-limit-reached-type'.split(
    ' ',
  )

const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,20}$/)
const context = { callId: 'call', requestedModel: undefined, standing: undefined }

function cased(text: string, upper: boolean): string {
  return upper ? text.toUpperCase() : text
}

suite('headers', () => {
  test('everything goes upstream as it came, in order and case, but for the list', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.oneof(name, fc.constantFrom(...DROPPED_UPSTREAM)), fc.string(), fc.boolean())),
        (list) => {
          const headers = list.map(([n, v, upper]) => [cased(n, upper), v] as const)
          const options = headers.filter(([n]) => n.toLowerCase() === 'connection').flatMap(([, v]) => v.split(','))
          const named = new Set(options.map((o) => o.trim().toLowerCase()))
          const kept = headers.filter(([n]) => {
            const low = n.toLowerCase()
            return !DROPPED_UPSTREAM.includes(low) && !low.startsWith('x-forwarded-') && !named.has(low)
          })
          deepEqual(upstreamHeaders(headers.flat()), kept.flat())
        },
      ),
    )
  })

  test('each header of the list is dropped, whatever its case', () => {
    for (const dropped of DROPPED_UPSTREAM)
      deepEqual(upstreamHeaders([cased(dropped, true), 'x', 'a', 'b']), ['a', 'b'])
    for (const dropped of DROPPED_BACK)
      deepEqual(replyHeaders([cased(dropped, true), 'x', 'a', 'b', 'x-request-id', 'r'], context), [
        'a',
        'b',
        'x-request-id',
        'r',
      ])
  })

  test('unknown codex and openai headers pass both ways', () => {
    const headers = [
      'x-codex-turn-state',
      's',
      'x-openai-internal-codex-responses-lite',
      'true',
      'X-Codex-New',
      '1',
      'X-Request-Id',
      'r',
    ]
    deepEqual(upstreamHeaders(headers), headers)
    deepEqual(replyHeaders(headers, context), headers)
  })

  test('a header that only begins like one of the list passes', () => {
    const headers = [
      'x-client-request-id',
      '1',
      'cfg',
      '2',
      'remote-control',
      '3',
      'x-clientip',
      '4',
      'x-amz-date',
      '5',
    ]
    deepEqual(upstreamHeaders(headers), headers)
  })

  test('what the connection header names is for the next hop only', () => {
    deepEqual(upstreamHeaders(['Connection', 'close, X-Secret', 'x-secret', '1', 'b', '2']), ['b', '2'])
  })

  test('a request id is added only where there is none', () => {
    equal(header(replyHeaders(['a', 'b'], context), 'x-request-id'), 'call')
  })

  test('a dated snapshot is shown under the requested name, a reroute as it is', () => {
    const shown = (model: string) =>
      header(replyHeaders(['OpenAI-Model', model], { ...context, requestedModel: 'gpt-5.5' }), 'openai-model')
    equal(shown('gpt-5.5'), 'gpt-5.5')
    equal(shown('GPT-5.5-2026-04-23'), 'gpt-5.5')
    equal(shown('gpt-5.2'), 'gpt-5.2')
    equal(shown('gpt-5.5-mini-2026-04-23'), 'gpt-5.5-mini-2026-04-23')
  })

  test('limits are those of the member, of settled spend, without unlimited windows', () => {
    const standing: Standing = {
      windows: [
        { name: '5h', lengthMs: FIVE_HOURS_MS, limit: 3000n, settled: 1000n, openedAt: 0, resetsAt: 18_000_000 },
        { name: 'weekly', lengthMs: WEEK_MS, limit: 0n, settled: 1000n, openedAt: 0, resetsAt: WEEK_MS },
      ],
    }
    deepEqual(limitHeaders(standing), [
      'x-codex-primary-used-percent',
      '33.33',
      'x-codex-primary-window-minutes',
      '300',
      'x-codex-primary-reset-at',
      '18000',
      'x-codex-limit-name',
      'codex',
    ])
    deepEqual(limitHeaders({ windows: [] }), [])
    const overdrawn = standing.windows.map((w) => ({ ...w, limit: 10n, settled: 11n }))
    ok(limitHeaders({ windows: overdrawn }).includes('100'))
    ok(limitHeaders({ windows: overdrawn }).includes('x-codex-secondary-window-minutes'))
  })
})
