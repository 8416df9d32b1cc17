import { deepEqual, equal, match, ok, partialDeepStrictEqual } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openStore } from '../../src/adapters/store/store.ts'
import { readSealingKey } from '../../src/config-sealing-key.ts'
import type { MemberId, UpstreamId } from '../../src/core/units.ts'
import type { Log } from '../../src/ports.ts'
import type { TrueCall } from '../../src/simulator/simulator.ts'
import { lockLedger, rowsIn } from '../support/ledger-file.ts'
import { CALLS, FORM, formOf, offer, SDP } from '../support/offers.ts'
import { startRawUpstream } from '../support/raw-upstream.ts'
import { startStand, until, type Ground, type Stand, type StandOptions } from '../support/stand.ts'
import { ask, turn, type Answered, type Ask } from '../support/wire.ts'

const ON = '[routes]\nwebrtc = true\n'
const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} }

async function stand(options: StandOptions = {}): Promise<Stand> {
  return await startStand({ simulator: { tokens: 'bytes' }, ...options, toml: `${ON}${options.toml ?? ''}` })
}

function callIn({ header }: Answered): string {
  return header('location')?.split('/').at(-1) ?? ''
}

function errorIn({ text }: Answered): { readonly code: string; readonly message: string } {
  return (JSON.parse(text) as { error: { code: string; message: string } }).error
}

/** Names of members, and the key that made the call for them, as a gateway sees it that starts on this ledger. */
async function makersOf(on: Ground, call: string): Promise<Record<string, string | undefined>> {
  const { path, durability } = on.config.database
  const sealingKey = readSealingKey(on.config, { create: false }).key
  await using store = await openStore({ path, durability, role: 'serve', sealingKey, log: SILENT })
  const names = new Map<UpstreamId, string>(store.directory.upstreams().map(({ id, name }) => [id, name]))
  const makers: Record<string, string | undefined> = {}
  for (const { id, name } of await rowsIn(on.folder, 'SELECT id, name FROM members')) {
    const maker = await store.ledger.makerOf(Number(id) as MemberId, call)
    makers[String(name)] = maker && names.get(maker.upstream)
  }
  return makers
}

suite('the offer of a call over WebRTC', { concurrency: 4 }, () => {
  test('passes byte for byte, and stands in the ledger with the id of its call', async () => {
    await using on = await stand()
    for (const path of [CALLS, '/v1/live']) {
      const asked = offer(on.key, { path })
      const answered = await ask(on.url, asked)
      deepEqual([answered.status, answered.header('content-type')], [201, 'application/sdp'])
      match(answered.text, /^v=0\r\n.*\r\nm=audio /s)
      match(answered.header('location') ?? '', new RegExp(`^${path.split('?')[0]}/rtc_[0-9a-f]{48}$`))
      const request = on.simulator.requests().at(-1)
      deepEqual([request?.url, request?.body.toString()], [path, asked.body])
      equal(request?.rawHeaders[request.rawHeaders.indexOf('openai-alpha') + 1], 'quicksilver=v1')
      ok(!request?.rawHeaders.join('\n').includes(on.key))
      ok(!answered.rawHeaders.join('\n').includes('sk-sim'))
      ok(![on.key, 'sk-sim'].some((secret) => on.log.join('\n').includes(secret)))

      const [row] = await on.settled()
      const truth = on.simulator.truth().at(-1) as TrueCall
      equal(truth.id, callIn(answered))
      partialDeepStrictEqual(row, { kind: 'realtime_call', transport: 'http', status: 201, ending: 'complete' })
      partialDeepStrictEqual(row, { precision: 'unknown', credits: 0n, threadId: 'thread-1' })
      partialDeepStrictEqual(row, { model: truth.model, path: truth.path, upstream: truth.key })
      partialDeepStrictEqual(row, { responseId: truth.id, requestId: truth.requestId })
    }
    const [usage] = await on.usage()
    deepEqual([usage?.requests, usage?.messages, usage?.credits], [2, 0, 0n])
  })

  test('is answered only when the ledger knows its call', async () => {
    // Without a journal the database is asked each time.
    await using on = await stand({ toml: '[database]\ndurability = "power"\n' })
    on.simulator.script({ path: '/v1/realtime/calls', headDelayMs: 300 })
    let answered: Answered | undefined
    const asking = ask(on.url, offer(on.key)).then((answer) => (answered = answer))
    await until(() => on.simulator.truth()[0])
    {
      using _ = lockLedger(on.folder)
      await until(() => on.simulator.truth()[0]?.endedAt)
      await sleep(300)
      equal(answered, undefined)
    }
    equal(callIn(await asking), (await on.calls())[0]?.responseId)
  })

  test('leaves its call with the key that made it and the member that asked, after a restart too', async () => {
    const upstreams = [{ name: 'alpha' }, { name: 'beta', models: ['gpt-realtime-1.5'] }]
    await using on = await stand({ upstreams: upstreams.map((each) => ({ models: ['gpt-realtime'], ...each })) })
    const other = await on.addMember({ name: 'mallory' })
    const call = callIn(await ask(on.url, offer(on.key)))
    const others = callIn(await ask(on.url, offer(other, { model: 'gpt-realtime' })))
    await on.gateway.stop(AbortSignal.abort())
    deepEqual(await makersOf(on, call), { alice: 'beta', mallory: undefined })
    deepEqual(await makersOf(on, others), { alice: undefined, mallory: 'alpha' })
    deepEqual(await makersOf(on, 'rtc_none'), { alice: undefined, mallory: undefined })
  })

  test('goes to a key for its model that speaks WebSocket too, for there the call goes on', async () => {
    await using on = await stand({
      upstreams: [{ name: 'alpha', ws: false }, { name: 'gamma', models: ['gpt-5.5'] }, { name: 'beta' }],
    })
    for (let i = 0; i < 4; i++) equal((await ask(on.url, offer(on.key))).status, 201)
    deepEqual(
      on.simulator.truth().map(({ key }) => key),
      ['beta', 'beta', 'beta', 'beta'],
    )
    await using none = await stand({ upstreams: [{ name: 'alpha', ws: false }] })
    const refused = await ask(none.url, offer(none.key))
    deepEqual([refused.status, errorIn(refused).code], [404, 'model_not_found'])
    match(errorIn(refused).message, /no upstream key for HTTP and WebSocket that is enabled/)
  })

  test('is tried at another key before the client hears of it', async () => {
    await using on = await stand({ upstreams: [{ name: 'alpha' }, { name: 'beta' }] })
    on.simulator.script({ path: '/v1/realtime/calls', status: 429, body: { error: { code: 'rate_limit_exceeded' } } })
    const answered = await ask(on.url, offer(on.key))
    equal(answered.status, 201)
    deepEqual(
      on.simulator.truth().map(({ status }) => status),
      [429, 201],
    )
    deepEqual((await makersAfter(on, callIn(answered)))['alice'], on.simulator.truth()[1]?.key)
  })

  test('that upstream refuses is told as upstream put it, and leaves no call', async () => {
    await using on = await stand()
    const location = '/v1/realtime/calls/rtc_1'
    on.simulator.script({ status: 400, headers: { location }, body: { error: { code: 'invalid_offer' } } })
    const answered = await ask(on.url, offer(on.key))
    deepEqual([answered.status, errorIn(answered).code], [400, 'invalid_offer'])
    const [row] = await on.settled()
    deepEqual([row?.status, row?.responseId, row?.precision, row?.credits], [400, undefined, 'exact', 0n])
  })

  test('is cut where upstream’s answer is, or where it is larger than any answer to an offer', async () => {
    const begun = 'HTTP/1.1 201 Created\r\ncontent-type: application/sdp\r\nlocation: /v1/realtime/calls/rtc_1\r\n'
    const answers = [
      `${begun}transfer-encoding: chunked\r\n\r\n3\r\nv=0\r\n`,
      `${begun}content-length: 2000000\r\n\r\n${'v'.repeat(2_000_000)}`,
    ]
    for (const answer of answers) {
      await using up = await startRawUpstream((socket) => socket.end(answer))
      await using on = await stand({ upstreams: [{ name: 'alpha', baseUrl: up.url }] })
      const answered = await ask(on.url, offer(on.key))
      deepEqual([answered.status, answered.whole], [201, false])
      equal((await on.settled())[0]?.ending, 'upstream-broke')
    }
  })
})

/** The same, of a gateway that still serves: it is stopped first. */
async function makersAfter(on: Stand, call: string): Promise<Record<string, string | undefined>> {
  await on.gateway.stop(AbortSignal.abort())
  return await makersOf(on, call)
}

suite('an offer that is not to be passed on', { concurrency: 4 }, () => {
  const session = (model: string) => ['session', 'application/json', JSON.stringify({ model })] as const
  const sdp = ['sdp', 'application/sdp', SDP] as const
  const bad: Readonly<Record<string, readonly [Parameters<typeof offer>[1], RegExp]>> = {
    'because it is no form': [{ body: SDP }, /multipart\/form-data with the parts "sdp" and "session"/],
    'because it is JSON': [{ type: 'application/json', body: '{}' }, /or application\/sdp\.$/],
    'because two sessions are in it': [
      { body: formOf(sdp, session('gpt-realtime'), session('gpt-realtime-mini')) },
      /must be there once/,
    ],
    'because its session is no JSON': [
      { body: formOf(sdp, ['session', 'application/json', '{']) },
      /^In the part "session" of the offer: .*one JSON object/,
    ],
    'because its session names two models': [
      { body: formOf(sdp, ['session', 'application/json', '{"model":"gpt-realtime","model":"gpt-realtime-mini"}']) },
      /no field given twice/,
    ],
    'because its query names another model': [
      { path: '/v1/live?model=gpt-realtime-mini', body: formOf(sdp, session('gpt-realtime')) },
      /names more than one model/,
    ],
    'because it is large': [
      { body: formOf(sdp, ['more', 'text/plain', 'x'.repeat(1_100_000)]) },
      /at most 1048576 bytes/,
    ],
  }
  for (const [why, [shape, sentence]] of Object.entries(bad)) {
    test(`${why} is refused in the shape of the API`, async () => {
      await using on = await stand()
      const answered = await ask(on.url, offer(on.key, shape))
      deepEqual([answered.status, errorIn(answered).code], [400, 'invalid_request'])
      match(errorIn(answered).message, sentence)
      deepEqual(on.simulator.requests(), [])
      const [row] = await on.settled()
      deepEqual([row?.kind, row?.refusal, row?.credits], ['realtime_call', 'invalid_request', 0n])
    })
  }

  test('because its model is not the member’s, wherever it names it, goes nowhere', async () => {
    await using on = await stand({ member: { models: ['gpt-realtime'] } })
    const asked: readonly Ask[] = [
      offer(on.key),
      offer(on.key, { path: '/v1/realtime/calls?model=gpt-realtime-1.5', type: 'application/sdp', body: SDP }),
      offer(on.key, { path: '/v1/live', type: 'application/sdp', body: SDP }),
      offer(on.key, { body: formOf(sdp) }),
    ]
    for (const each of asked) {
      const answered = await ask(on.url, each)
      deepEqual([answered.status, errorIn(answered).code], [403, 'model_not_allowed'])
    }
    deepEqual(on.simulator.requests(), [])
    const sdpAlone = offer(on.key, { path: '/v1/live?model=gpt-realtime', type: 'application/sdp', body: SDP })
    for (const each of [offer(on.key, { model: 'gpt-realtime' }), sdpAlone]) {
      equal((await ask(on.url, each)).status, 201)
    }
  })

  test('because of a spent quota or a place that is taken is refused in plain words', async () => {
    const toml = '[limits]\nqueue_secs = 0\n'
    await using on = await stand({ member: { fiveHourQuota: 1n, maxConcurrent: 1 }, toml })
    on.simulator.script({ headDelayMs: 500 })
    const running = ask(on.url, turn(on.key))
    await until(() => on.simulator.truth()[0])
    const crowded = await ask(on.url, offer(on.key))
    deepEqual([crowded.status, errorIn(crowded).code], [429, 'concurrency_limit_exceeded'])
    equal((await running).status, 200)
    await on.settled()
    const spent = await ask(on.url, offer(on.key))
    deepEqual([spent.status, errorIn(spent).code], [429, 'member_5h_quota_exceeded'])
    equal(spent.header('x-codex-promo-message'), undefined)
    equal((await ask(on.url, offer('sk-codex-gw-nobody'))).status, 401)
  })

  test('because voice over WebRTC is switched off, as it is unless it was switched on, is told so', async () => {
    await using on = await startStand({ simulator: { tokens: 'bytes' } })
    for (const path of ['/v1/realtime/calls', '/v1/live']) {
      const answered = await ask(on.url, offer(on.key, { path, type: FORM }))
      equal(answered.status, 404)
      deepEqual(errorIn(answered), {
        message: `POST ${path} is switched off at this gateway. Your gateway admin may switch it on, with webrtc = true under [routes].`,
        type: 'invalid_request_error',
        code: 'not_found',
        param: null,
      })
    }
    deepEqual([on.simulator.requests(), await on.calls()], [[], []])
  })
})
