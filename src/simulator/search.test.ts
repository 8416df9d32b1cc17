import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { decryptFor } from './ciphertext.ts'
import { startSimulator } from './simulator.ts'
import { at, json, post } from './test-client.ts'

const SEARCH = { path: '/v1/alpha/search' }
const commands = { search_query: [{ q: 'one' }, { q: 'two' }] }
const body = { id: 'session', model: 'gpt-6.1-sol', input: [], commands, settings: {}, max_output_tokens: 10_000 }

suite('a web search', () => {
  test('answers every query, runs no model and states no usage', async () => {
    await using sim = await startSimulator({ tokens: 'bytes' })
    const found = await json(post(sim, body, SEARCH))
    deepEqual(Object.keys(found), ['output', 'encrypted_output'])
    match(String(found['output']), /"one".*\n.*"two"/)
    equal(found['encrypted_output'], null)
    const [call] = sim.truth()
    deepEqual(
      [call?.path, call?.model, call?.status, call?.terminal, call?.usageStated, call?.inputTokens, call?.outputTokens],
      [SEARCH.path, 'gpt-6.1-sol', 200, true, false, 0, 0],
    )
  })

  test('gives ciphertext of its organization where it is told to', async () => {
    await using sim = await startSimulator({ tokens: 'bytes', searchCiphertext: true })
    const found = await json(post(sim, body, SEARCH))
    equal(decryptFor('org-sim-a', String(found['encrypted_output'])), found['output'])
  })

  test('is refused without a query, for a model that is not there, and with ciphertext of others', async () => {
    await using sim = await startSimulator({ tokens: 'bytes', searchCiphertext: true })
    const code = async (changes: object, key?: string): Promise<readonly unknown[]> => {
      const reply = await post(sim, { ...body, ...changes }, { ...SEARCH, ...(key !== undefined && { key }) })
      return [reply.status, at(await reply.json(), 'error', 'code')]
    }
    deepEqual(await code({ commands: {} }), [400, 'missing_required_parameter'])
    deepEqual(await code({ model: 'gpt-none' }), [404, 'model_not_found'])
    deepEqual(await code({}, 'sk-nobody'), [401, 'invalid_api_key'])
    const { encrypted_output } = await json(post(sim, body, SEARCH))
    const input = [{ type: 'reasoning', encrypted_content: encrypted_output }]
    deepEqual(await code({ input }), [200, undefined])
    deepEqual(await code({ input }, 'sk-sim-beta'), [400, 'invalid_encrypted_content'])
  })
})
