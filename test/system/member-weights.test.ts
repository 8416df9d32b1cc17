import { ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { startStand } from '../support/stand.ts'
import { ask, turn } from '../support/wire.ts'

const LOOPS = 6

suite('members whose calls wait for the same place of a key', () => {
  test('are served by their weights, and the lightest of all too', { timeout: 240_000 }, async () => {
    await using on = await startStand({
      simulator: { text: 'Hello.', reasoningTokens: 0, tokens: 'bytes', eventDelayMs: 5 },
      toml: '[limits]\ncodex_queue_secs = 200\n',
      member: { name: 'light', weight: 1, maxConcurrent: LOOPS },
      upstreams: [{ name: 'alpha', maxConcurrent: 1 }],
    })
    const heavy = await on.addMember({ name: 'heavy', weight: 4, maxConcurrent: LOOPS })
    const lightest = await on.addMember({ name: 'lightest', weight: 0.001, maxConcurrent: LOOPS })
    const served: string[] = []
    const loop = async (name: string, key: string): Promise<void> => {
      while (served.length < 100) {
        const { whole } = await ask(on.url, turn(key))
        ok(whole)
        served.push(name)
      }
    }
    const members = { light: on.key, heavy, lightest }
    const loops = Object.entries(members).flatMap(([name, key]) => Array.from({ length: LOOPS }, () => loop(name, key)))
    // What waits when the others are done is served all the same.
    await Promise.all(loops)
    // What came before all of them waited went by no weight.
    const middle = served.slice(2 * LOOPS, 2 * LOOPS + 50)
    const counts = Object.keys(members).map((name) => middle.filter((one) => one === name).length)
    const [lightCalls = 0, heavyCalls = 0, lightestCalls = 0] = counts
    ok(lightCalls >= 8 && lightCalls <= 12, `light, heavy, lightest: ${counts.join(', ')} of 50`)
    ok(heavyCalls >= 37 && heavyCalls <= 42, `light, heavy, lightest: ${counts.join(', ')} of 50`)
    ok(lightestCalls <= 1, `light, heavy, lightest: ${counts.join(', ')} of 50`)
  })
})
