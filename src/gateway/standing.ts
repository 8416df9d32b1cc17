import { windowsFor } from '../core/member-windows.ts'
import type { Standing } from '../core/quota.ts'
import type { Member } from '../ports.ts'
import type { Gateway } from './gateway.ts'
import { REFUSED_MS, soon } from './soon.ts'

/** The windows of a member that has a limit, for the headers of an answer; a ledger that is away is not waited for. */
export async function standingOf(member: Member, gateway: Gateway): Promise<Standing | undefined> {
  const windows = windowsFor(member, gateway.settings.quota)
  if (windows.every(({ limit }) => limit === 0n)) return undefined
  return await soon(gateway.ledger.standing(member.id, windows, gateway.now()), REFUSED_MS)
}
