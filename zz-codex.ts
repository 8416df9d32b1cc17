// @ts-nocheck
import { once } from 'node:events'
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'
import { startStand } from './test/support/stand.ts'
import { codexHome } from './test/support/codex.ts'
const http = createServer()
const wss = new WebSocketServer({ server: http })
wss.on('connection', (ws, req) => {
  console.log('UP', req.url)
  ws.on('message', (m) => {
    const f = JSON.parse(m.toString())
    console.log('UP <', f.type, f.generate, f.previous_response_id, JSON.stringify(f.input).length)
    const id = 'resp_' + Math.random().toString(36).slice(2)
    ws.send(JSON.stringify({ type: 'response.created', response: { id } }))
    if (f.generate !== false)
      ws.send(
        JSON.stringify({
          type: 'response.output_item.done',
          output_index: 0,
          item: {
            type: 'message',
            id: 'msg_1',
            role: 'assistant',
            status: 'completed',
            content: [{ type: 'output_text', text: 'Hello over WebSocket.', annotations: [] }],
          },
        }),
      )
    ws.send(
      JSON.stringify({
        type: 'response.completed',
        response: { id, status: 'completed', usage: { input_tokens: 100, output_tokens: 10, total_tokens: 110 } },
      }),
    )
  })
  ws.on('close', (c, r) => console.log('UP closed', c, r.toString()))
})
http.listen(0, '127.0.0.1')
await once(http, 'listening')
const port = http.address().port
const on = await startStand({
  toml: `[upstream]\nws_base_url = "ws://127.0.0.1:${port}"\n`,
  member: { fiveHourQuota: 10n ** 12n },
})
const home = await codexHome({ url: on.url, key: on.key, providerSettings: 'supports_websockets = true' })
const r = await home.exec(['say hello'])
console.log(r.code, r.stdout.slice(-200), r.stderr.slice(-600))
console.log(
  (await on.settled()).map((r) => [
    r.transport,
    r.kind,
    r.status,
    r.ending,
    r.precision,
    r.inputTokens,
    r.attempts,
    r.refusal,
  ]),
)
console.log(
  home
    .records()
    .filter((x) => x.payload?.type === 'token_count')
    .map((x) => JSON.stringify(x.payload.rate_limits)),
)
home[Symbol.dispose]()
console.log(on.log)
await on[Symbol.asyncDispose]()
wss.clients.forEach((c) => c.terminate())
http.close()
