import type { NoReply } from '../../ports.ts'

const REASONS: Readonly<Record<string, NoReply['reason']>> = {
  ECONNREFUSED: 'refused',
  ENOTFOUND: 'unreachable',
  EAI_AGAIN: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  UND_ERR_CONNECT_TIMEOUT: 'unreachable',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  UND_ERR_SOCKET: 'reset',
  UND_ERR_HEADERS_OVERFLOW: 'bad-response',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'bad-response',
  // What OpenSSL says of certificates without naming them.
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'tls',
  INVALID_CA: 'tls',
  INVALID_PURPOSE: 'tls',
  PATH_LENGTH_EXCEEDED: 'tls',
}

/** Why there is no answer, by the error that the connection ended with. */
export function reasonOf(cause: Error): NoReply['reason'] {
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
  if (/CERT|SSL|TLS/.test(code)) return 'tls'
  if (code.startsWith('HPE_') || cause.name === 'HTTPParserError') return 'bad-response'
  return REASONS[code] ?? 'reset'
}
