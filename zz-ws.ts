import { once } from 'node:events'
import { createServer } from 'node:http'
import { WebSocket, WebSocketServer } from 'ws'
import { startStand } from './test/support/stand.ts'
const http = createServer()
const wss = new WebSocketServer({ server: http })
wss.on('headers', (h) => h.push('openai-organization: org-x', 'x-request-id: req_up'))
const seen: string[] = []
wss.on('connection', (ws, req) => {
  console.log('UP headers', req.rawHeaders.filter((_, i) => i % 2 === 0).join(','), req.headers.authorization)
  ws.on('message', (m) => {
    seen.push(m.toString())
    const f = JSON.parse(m.toString())
    if (f.type !== 'response.create') return
    const id = 'resp_' + seen.length
    ws.send(JSON.stringify({ type: 'codex.rate_limits', rate_limits: { primary: { used_percent: 99 } } }))
    ws.send(JSON.stringify({ type: 'response.created', response: { id } }))
    ws.send(JSON.stringify({ type: 'response.output_text.delta', delta: 'hi' }))
    ws.send(
      JSON.stringify({
        type: 'response.completed',
        response: {
          id,
          status: 'completed',
          usage: {
            input_tokens: 100,
            input_tokens_details: { cached_tokens: 0 },
            output_tokens: 10,
            total_tokens: 110,
          },
        },
      }),
    )
  })
  ws.on('close', (c, r) => console.log('UP closed', c, r.toString()))
})
http.listen(0, '127.0.0.1')
await once(http, 'listening')
const port = (http.address() as any).port
const on = await startStand({
  toml: `[upstream]\nws_base_url = "ws://127.0.0.1:${port}"\n`,
  member: { fiveHourQuota: 10n ** 12n },
})
const ws = new WebSocket(on.url.replace('http', 'ws') + '/v1/responses', {
  headers: {
    authorization: `Bearer ${on.key}`,
    originator: 'codex_exec',
    'session-id': 's1',
    'thread-id': 't1',
    'openai-beta': 'responses_websockets=2026-02-06',
  },
})
ws.on('upgrade', (r) => console.log('101', r.rawHeaders.join(' | ')))
ws.on('unexpected-response', (_q, r) => {
  console.log('refused', r.statusCode)
  r.on('data', (d) => console.log(d.toString()))
})
ws.on('message', (m) => console.log('<', m.toString().slice(0, 200)))
ws.on('close', (c, r) => console.log('closed', c, r.toString()))
ws.on('error', (e) => console.log('err', e.message))
await once(ws, 'open')
for (const turn of ['a', 'b']) {
  ws.send(
    JSON.stringify({
      type: 'response.create',
      model: 'gpt-5.5',
      stream: true,
      input: [{ type: 'message', role: 'user', content: 'x' }],
      client_metadata: { session_id: 's1', thread_id: 't1', turn_id: turn },
    }),
  )
  await new Promise((r) => setTimeout(r, 300))
}
ws.send(JSON.stringify({ type: 'response.create', model: 'gpt-5.5', background: true }))
await new Promise((r) => setTimeout(r, 300))
console.log(
  (await on.settled()).map((r) => [
    r.transport,
    r.kind,
    r.status,
    r.ending,
    r.precision,
    r.inputTokens,
    r.credits,
    r.attempts,
    r.refusal,
    r.responseId,
  ]),
)
console.log(on.log)
await on[Symbol.asyncDispose]()
wss.clients.forEach((c) => c.terminate())
http.close()
