import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Fault } from '../../src/simulator/simulator.ts'
import { attemptsOfLast } from '../support/ledger-file.ts'
import { startStand, until, type Stand } from '../support/stand.ts'
import { ask, says, turn, type Answered, type TurnShape } from '../support/wire.ts'

const MODEL_NAMED: Fault = {
  status: 404,
  body: {
    error: {
      message: "Item with id 'rs_-model-1' not found. Items are not persisted when `store` is set to false.",
      type: 'invalid_request_error',
      param: 'input',
      code: null,
    },
  },
}

const TIER_NAMED: Fault = {
  status: 400,
  body: {
    error: {
      message: "Invalid value: 'service_tier'. Supported values are: 'function', 'web_search'.",
      type: 'invalid_request_error',
      param: 'tools[0].type',
      code: 'invalid_value',
    },
  },
}

/** Two keys of one project, and of another; and a second member, whom the gateway knows already. */
async function stand(): Promise<{ on: Stand; bob: string } & AsyncDisposable> {
  const on = await startStand({
    upstreams: [
      { name: 'alpha', organization: 'org-sim-a', project: 'proj_sim_a1' },
      { name: 'alpha-twin', organization: 'org-sim-a', project: 'proj_sim_a1' },
      { name: 'beta', organization: 'org-sim-b', project: 'proj_sim_b1' },
    ],
    simulator: { text: 'Hello.', reasoningTokens: 0, tokens: 'bytes' },
  })
  const bob = await on.addMember({ name: 'bob' })
  await until(async () => ((await ask(on.url, turn(bob))).status === 200 ? true : undefined))
  await on.settled()
  return { on, bob, [Symbol.asyncDispose]: () => on[Symbol.asyncDispose]() }
}

/** A unary call that upstream has answered; the id of its response, which upstream was told to keep, or not. */
async function responseOf(on: Stand, key: string, store = true): Promise<{ id: string; by: string }> {
  const answered = await askWith(on, key, { store })
  equal(answered.status, 200)
  await on.settled()
  const { id } = JSON.parse(answered.text) as { id: string }
  return { id, by: on.simulator.truth().at(-1)?.key ?? '' }
}

async function askWith(on: Stand, key: string, fields: object, shape: TurnShape = {}): Promise<Answered> {
  const request = turn(key, { stream: false, ...shape })
  const body = JSON.stringify({ ...JSON.parse(String(request.body)), ...fields })
  return await ask(on.url, { ...request, body })
}

suite('what one member asks for', { concurrency: 4 }, () => {
  for (const [what, fault, shape] of [
    ['the model', MODEL_NAMED, { input: [{ type: 'item_reference', id: 'rs_-model-1' }] }],
    ['the service tier', TIER_NAMED, { tier: 'priority' }],
  ] as const) {
    test(`and upstream repeats takes ${what} from no other`, async () => {
      await using both = await stand()
      const { on, bob } = both
      // As many as there are keys, one after the other.
      on.simulator.script({ ...fault, times: 4 })
      const { tier } = shape as TurnShape
      for (let i = 0; i < 4; i++) {
        const refused = await ask(on.url, turn(on.key, shape))
        equal(refused.text, JSON.stringify(fault.body))
        await on.settled()
        deepEqual(
          (await attemptsOfLast(on.folder)).map(([, errorClass]) => errorClass),
          ['bad_request'],
        )
      }
      const before = on.simulator.truth().length
      const asked = Array.from({ length: 6 }, () => ask(on.url, turn(bob, tier === undefined ? {} : { tier })))
      for (const { text } of await Promise.all(asked)) match(text, /response\.completed/)
      const used = on.simulator.truth().slice(before)
      deepEqual(new Set(used.map(({ key }) => key)), new Set(['alpha', 'alpha-twin', 'beta']))
    })
  }
})

suite('a response that is stored upstream', { concurrency: 4 }, () => {
  test('is gone on from by a key of its project, with the very bytes that came', async () => {
    await using both = await stand()
    const { on } = both
    const projects = new Map([
      ['alpha', 'a1'],
      ['alpha-twin', 'a1'],
      ['beta', 'b1'],
    ])
    const seen = new Set<string>()
    for (let i = 0; i < 12; i++) {
      const { id, by } = await responseOf(on, on.key)
      const request = turn(on.key, { stream: false })
      const body = JSON.stringify({ ...JSON.parse(String(request.body)), previous_response_id: id }, null, 1)
      // The simulator stores nothing; that it was asked is what counts.
      match((await ask(on.url, { ...request, body })).text, new RegExp(`Previous response with id '${id}' not found`))
      equal(on.simulator.requests().at(-1)?.body.toString(), body)
      const went = on.simulator.truth().at(-1)?.key ?? ''
      equal(projects.get(went), projects.get(by), `${by} made it, ${went} was asked to go on`)
      seen.add(projects.get(by) ?? '')
      await on.settled()
    }
    deepEqual(seen, new Set(['a1', 'b1']))
  })

  test('is not reached by another member, nor is one that nobody knows, nor a stored conversation', async () => {
    await using both = await stand()
    const { on, bob } = both
    const { id } = await responseOf(on, bob)
    const { id: unkept } = await responseOf(on, on.key, false)
    const before = on.simulator.truth().length
    for (const previous of [id, unkept, 'resp_unknown', 'RESP_1']) {
      const plain = await askWith(on, on.key, { previous_response_id: previous })
      equal(plain.status, 400)
      match(plain.text, /"code":"previous_response_not_found"/)
      match(
        plain.text,
        /The field \\"previous_response_id\\" must name a response that the gateway gave to you and that OpenAI stores/,
      )
      const native = await askWith(on, on.key, { previous_response_id: previous, stream: true })
      match(native.text, /^The field "previous_response_id" must name a response/)
      equal(native.status, 400)
    }
    for (const conversation of ['conv_1', { id: 'conv_1' }]) {
      const refused = await askWith(on, bob, { conversation })
      equal(refused.status, 400)
      match(refused.text, /^The field "conversation" must be absent/)
    }
    equal(on.simulator.truth().length, before, 'nothing goes upstream')
    const [row] = await on.settled()
    deepEqual([row?.ending, row?.refusal, row?.credits], ['refused', 'invalid_request', 0n])
  })

  test('may be none: null is as good as absent', async () => {
    await using both = await stand()
    const { on } = both
    for (const fields of [{ previous_response_id: null }, { conversation: null }]) {
      match((await askWith(on, on.key, fields)).text, /"completed"/)
    }
  })

  test('is told to be out of reach when its project has no key any more', async () => {
    await using both = await stand()
    const { on } = both
    let made = await responseOf(on, on.key)
    while (made.by !== 'beta') made = await responseOf(on, on.key)
    await on.admin(({ registry }) => registry.setUpstream('beta', { enabled: false }))
    await until(async () => {
      const refused = await askWith(on, on.key, { previous_response_id: made.id, input: [says('Go on.')] })
      return refused.status === 503 && /whose keys the gateway no longer has/.test(refused.text) ? true : undefined
    }, 2000)
  })
})
