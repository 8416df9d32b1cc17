import { deepEqual, ok } from 'node:assert/strict'
import { randomInt, randomUUID } from 'node:crypto'
import { before, suite, test } from 'node:test'
import { expectSums, foldedSums } from '../support/kept-sums.ts'
import { expectCalls, expectConnections } from '../support/killed-ledger.ts'
import { compileGateway, Killer } from '../support/kills.ts'
import { serve } from '../support/serve.ts'
import { startGround, type Ground } from '../support/stand.ts'
import { ask, turn } from '../support/wire.ts'

/** On several grounds side by side, for most of the time goes into starting gateways. */
const KILLS = [67, 67, 66]
/** Give the one that a failure names, and instants and load come again. */
const SEED = Number(process.env['CRASH_SEED'] ?? randomInt(2 ** 31))

/** All of them take some four minutes of a slow processor, and on a busy machine far more than that by the clock. */
const TIMEOUT_MS = 15 * 60_000

suite('a gateway that is killed under load', { concurrency: KILLS.length, timeout: TIMEOUT_MS }, () => {
  before(compileGateway)

  for (const [lane, kills] of KILLS.entries()) {
    const name = `${kills} times has every call in its ledger, once, as it was (${lane + 1} of ${KILLS.length})`
    test(name, { timeout: TIMEOUT_MS }, async (t) => {
      t.diagnostic(`CRASH_SEED=${SEED}`)
      await using ground = await newGround()
      const bob = await ground.addMember({ name: 'bob', ...UNHINDERED })
      const killer = new Killer(ground, [ground.key, bob], SEED + lane)
      for (let i = 0; i < kills; i++) await killer.kill()
      const { heard } = killer
      deepEqual(heard.odd, [])

      await using last = await serve(ground.configFile)
      const id = randomUUID()
      heard.asked.add(id)
      ok((await ask(last.url, turn(ground.key, { turn: id }))).whole)
      const story = (pid: unknown): string => `CRASH_SEED=${SEED}, ${killer.story(pid)}`
      const tally = await expectCalls(ground.folder, ground.simulator, heard, story)
      const { interrupted } = await expectConnections(ground.folder, heard, story)
      await expectSums(ground.folder)
      await foldedSums(ground.folder)
      await expectSums(ground.folder)
      t.diagnostic(JSON.stringify({ seen: heard.completed.size, ...tally, interruptedWebSockets: interrupted }))
      // The kills have hit what they were to hit.
      ok(Math.min(heard.completed.size, tally.cutShort, interrupted) > kills / 2)
      const truth = ground.simulator.truth()
      ok(truth.some((call) => call.cachedInputTokens > 0) && truth.some((call) => call.cacheWriteTokens > 0))
    })
  }
})

const UNHINDERED = {
  maxConcurrent: 0,
  fiveHourQuota: 10n ** 18n,
  dailyQuota: 10n ** 18n,
  weeklyQuota: 10n ** 18n,
  monthlyQuota: 10n ** 18n,
}

async function newGround(): Promise<Ground> {
  return await startGround({
    simulator: { text: 'A short answer.', eventDelayMs: 3, tokens: 'bytes', cacheWrites: true, keepFrames: 100_000 },
    member: UNHINDERED,
    upstreams: [
      { name: 'alpha', maxConcurrent: 100 },
      { name: 'beta', maxConcurrent: 100 },
    ],
  })
}
