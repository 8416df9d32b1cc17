import { deepEqual, equal, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { freePort } from '../../bench/free-port.ts'
import { codexHome, type CodexHome } from '../support/codex.ts'
import { serve } from '../support/serve.ts'
import { startGround, until, type Ground } from '../support/stand.ts'
import { expectTruth } from '../support/truth.ts'

/** What Codex wrote down of its own work: the commands it ran and what it said, in order. */
function storyOf(codex: CodexHome): readonly string[] {
  return codex.records().flatMap((record) => {
    const payload = record['payload'] as { type?: string; name?: string; role?: string } | undefined
    const isWork = payload?.type === 'function_call' || payload?.type === 'custom_tool_call'
    if (isWork) return [`${payload.type} ${payload.name}`]
    return payload?.type === 'message' && payload.role === 'assistant' ? ['answer'] : []
  })
}

async function session(
  ground: Ground,
  during: (url: string) => Promise<void>,
  ws: boolean,
): Promise<readonly string[]> {
  const port = await freePort()
  const options = { env: { CODEX_GATEWAY_SERVER_BIND_ADDR: `127.0.0.1:${port}` } }
  const url = `http://127.0.0.1:${port}`
  using codex = await codexHome({ url, key: ground.key, webSocket: ws })
  const first = await serve(ground.configFile, options)
  const running = codex.begin(['Write the note.'])
  await during(url)
  first.signal('SIGTERM')
  equal(await first.ended, 0)
  await using second = await serve(ground.configFile, options)
  const result = await running.ended
  second.signal('SIGTERM')
  equal(await second.ended, 0)
  equal(result.code, 0, result.stderr)
  equal(readFileSync(join(codex.work, 'note.txt'), 'utf8'), 'hello, world\n')
  return storyOf(codex)
}

/** The same session without a gateway. */
async function directStory(ws: boolean): Promise<readonly string[]> {
  await using simulator = await startSimulator({ agent: 'shell-and-edit' })
  using codex = await codexHome({ url: simulator.url, key: 'sk-sim-alpha', webSocket: ws })
  const result = await codex.exec(['Write the note.'])
  equal(result.code, 0, result.stderr)
  return storyOf(codex)
}

suite('a gateway that is restarted under a codex session', () => {
  for (const ws of [true, false]) {
    const over = ws ? 'over WebSocket' : 'over HTTP'
    test(`loses no turn, whenever it happens, ${over}`, async () => {
      const stories: (readonly string[])[] = []
      for (const events of [0, 1, 6, 12, 20]) {
        await using ground = await startGround({
          simulator: { agent: 'shell-and-edit', eventDelayMs: 25 },
          member: { maxConcurrent: 4 },
          toml: '[routes]\nwebsocket = true\n',
        })
        const sent = (): number => ground.simulator.truth().reduce((sum, call) => sum + call.eventsSent, 0)
        const story = await session(
          ground,
          async () => void (await until(() => (sent() >= events ? true : undefined))),
          ws,
        )
        stories.push(story)
        const rows = await ground.settled()
        ok(rows.every(({ ending }) => ending !== undefined && ending !== 'interrupted'))
        expectTruth(rows, ground.simulator.truth())
      }
      // Whatever happened to the gateway, the session reads as if there were none.
      const direct = await directStory(ws)
      for (const story of stories) deepEqual(story, direct)
      ok(direct.length >= 3, direct.join())
    })
  }
})
