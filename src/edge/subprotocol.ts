import { header, type HeaderList } from '../core/headers.ts'

const NAME = 'sec-websocket-protocol'
const KEY = 'openai-insecure-api-key.'
/** As the headers that are called so: it is the administrator's key that decides whose account it is. */
const OF_ACCOUNTS = ['openai-organization.', 'openai-project.']

/**
 * The headers of a WebSocket handshake, with the key as a header. A browser cannot set headers: OpenAI's own client for
 * it names the key among the subprotocols, where it would be passed on.
 */
export function withKeyOfProtocol(headers: HeaderList): HeaderList {
  const offered = header(headers, NAME)
  if (offered === undefined || !/openai-/i.test(offered)) return headers
  const kept: string[] = []
  let key: string | undefined
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name = '', value = ''] = [headers[i], headers[i + 1]]
    if (name.toLowerCase() !== NAME) kept.push(name, value)
    else {
      const names = value.split(',').map((each) => each.trim())
      key ??= names.find((each) => each.startsWith(KEY))?.slice(KEY.length)
      const left = names.filter((each) => ![KEY, ...OF_ACCOUNTS].some((own) => each.startsWith(own)))
      if (left.length > 0) kept.push(name, left.join(', '))
    }
  }
  if (key !== undefined && header(kept, 'authorization') === undefined) kept.push('authorization', `Bearer ${key}`)
  return kept
}
