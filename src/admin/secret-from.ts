import type { Session } from './cli-session.ts'
import { secretOf } from './option-values.ts'
import { WrongUse } from './wrong-use.ts'

/** A secret as given, from standard input, or as typed without echo. */
export async function secretFrom({ world: { terminal } }: Session, given: string | undefined): Promise<string> {
  if (given === '-') return secretOf(await terminal.readAll())
  if (given !== undefined) return secretOf(given)
  if (!terminal.ask)
    throw new WrongUse('the secret is missing: give it as SECRET, or "-" to read it from standard input')
  return secretOf(await terminal.ask('API key (not shown): '))
}
