import type { Command } from 'commander'
import type { CommandSet } from './cli-session.ts'
import { examine, type Finding } from './doctor.ts'
import { visible } from './lines.ts'
import { cardInForce } from './rates.ts'
import type { Column } from './table.ts'

const COLUMNS: readonly Column<Finding>[] = [
  { title: 'CHECK', of: (row) => row.check },
  {
    title: 'STATE',
    of: (row) => row.level,
    paint: ({ level }) => ({ ok: 'green', warning: 'yellow', problem: 'red' } as const)[level],
  },
  { title: 'WHAT', of: (row) => row.message },
]

/** `admin doctor`: exits with 1 when there is a problem. */
export function addDoctorCommand(admin: Command, commands: CommandSet): void {
  commands.add(
    admin,
    {
      usage: 'doctor',
      summary: 'look at what the database knows of the gateway, and say what should be done',
      example: 'admin doctor --json',
    },
    async (session) => {
      const findings = await session.withStore(async (store) => {
        const card = await cardInForce(store.rateBook, session.load().card)
        return await examine(store, card, session.world.now())
      })
      session.list(findings, {
        json: ({ check, level, message }) => ({ check, level, message }),
        line: ({ check, level, message }) => `${check}: ${level}: ${visible(message)}`,
        columns: COLUMNS,
        none: 'nothing was looked at',
      })
      return findings.some(({ level }) => level === 'problem') ? 1 : 0
    },
  )
}
