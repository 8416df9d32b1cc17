import { createHash } from 'node:crypto'
import { parseGatewayKey, type GatewayKeyProblem } from '../core/gateway-key.ts'
import { header, type HeaderList } from '../core/headers.ts'
import { Refusal } from '../core/refusal.ts'
import type { KeyHash } from '../core/units.ts'
import type { Clock, Directory, Holder } from '../ports.ts'
import type { Gateway } from './gateway.ts'
import type { Guard } from './patience.ts'

const PROBLEMS: Readonly<Record<GatewayKeyProblem, string>> = {
  missing:
    'No gateway key was given. Send "Authorization: Bearer sk-codex-gw-…"; your gateway admin hands out the keys.',
  malformed:
    'This is not a gateway key. A gateway key begins with sk-codex-gw-; your gateway admin hands out the keys.',
  checksum: 'This gateway key is mistyped: its check digits do not fit. Copy the whole key again.',
  'chatgpt-token':
    'This is the token of a ChatGPT login, which the gateway does not take. Log out of ChatGPT in Codex ("codex logout") and configure your gateway key.',
  'openai-key':
    'This is a key for the OpenAI API itself. The gateway takes only its own keys, which begin with sk-codex-gw-.',
}

/**
 * Who is calling, by the key in `authorization`. A look-up by hash in memory: the time it takes tells nothing.
 * Throws a Refusal that says which of the things that can be wrong with a key is wrong.
 */
export function authenticate(headers: HeaderList, directory: Directory, now: Clock): Holder {
  const secret = bearer(header(headers, 'authorization'))
  const key = parseGatewayKey(secret)
  if (!key.ok) throw new Refusal('unauthorized', PROBLEMS[key.problem])
  const holder = directory.holderOf(hashOf(secret))
  if (!holder) throw new Refusal('unauthorized', 'This gateway key is unknown. Ask your gateway admin for a new one.')
  const { key: known, member } = holder
  if (!known.enabled)
    throw new Refusal(
      'unauthorized',
      `The gateway key ${known.prefix}… is disabled. Ask your gateway admin for a new one.`,
    )
  if (known.expiresAt !== undefined && known.expiresAt <= now()) {
    const when = new Date(known.expiresAt).toISOString()
    throw new Refusal(
      'unauthorized',
      `The gateway key ${known.prefix}… expired at ${when}. Ask your gateway admin for a new one.`,
    )
  }
  if (!member.enabled) throw new Refusal('forbidden', `The member ${member.name} is disabled. Ask your gateway admin.`)
  return holder
}

/** Whoever waits is looked at again when an administrator has changed something. */
export function guardOf(
  headers: HeaderList,
  { waiting, directory, now }: Pick<Gateway, 'waiting' | 'directory' | 'now'>,
): Guard {
  return { waiting, check: () => void authenticate(headers, directory, now) }
}

function bearer(authorization: string | undefined): string {
  return (authorization ?? '').trim().replace(/^Bearer(?: +|$)/i, '')
}

/** What the directory knows a key by. */
export function hashOf(secret: string): KeyHash {
  return createHash('sha256').update(secret).digest('hex') as KeyHash
}
