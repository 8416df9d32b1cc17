import type { IncomingMessage } from 'node:http'
import { Refusal } from '../core/refusal.ts'

export const VERSION = '13'
/** 16 bytes in base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** Throws a Refusal for a request that asks for no WebSocket of RFC 6455 (4.2.1), before anything is done for it. */
export function checkHandshake(request: IncomingMessage): void {
  const problem = problemOf(request)
  if (problem !== undefined) throw new Refusal('invalid_request', `This is no WebSocket handshake: ${problem}.`)
}

function problemOf({ method, url = '', headers }: IncomingMessage): string | undefined {
  if (method !== 'GET') return 'its method must be GET'
  if (url.includes('#')) return 'its path must have no fragment'
  if (headers.upgrade?.toLowerCase() !== 'websocket') return 'its header upgrade must be websocket'
  if (headers['sec-websocket-version'] !== VERSION) return `its header sec-websocket-version must be ${VERSION}`
  if (!KEY.test(headers['sec-websocket-key'] ?? '')) return 'its header sec-websocket-key must be 16 bytes in base64'
  const protocols = headers['sec-websocket-protocol']
  if (protocols !== undefined && !areProtocols(protocols))
    return 'its header sec-websocket-protocol must name each protocol once'
  return undefined
}

/** Node joins several headers of this name to one. */
function areProtocols(value: string): boolean {
  const names = value.split(',').map((name) => name.replace(/^[ \t]+|[ \t]+$/g, ''))
  return new Set(names).size === names.length && names.every((name) => TOKEN.test(name))
}
