import type { Command } from 'commander'
import type { CommandSet } from './cli-session.ts'
import { addCallCommands } from './cli-calls.ts'
import { addExportCommand } from './cli-export.ts'
import { addUsageCommand } from './cli-usage.ts'
import { connectionJson } from './json-form.ts'
import { connectionLine } from './lines.ts'
import { countOf } from './option-values.ts'
import { recentConnections } from './spending.ts'
import { CONNECTION_COLUMNS } from './table.ts'

export function addSpendingCommands(admin: Command, commands: CommandSet): void {
  addUsageCommand(admin, commands)

  addCallCommands(admin, commands)
  addExportCommand(admin, commands)

  commands
    .add<{ readonly member?: string; readonly limit: string }>(
      admin,
      { usage: 'connections', summary: 'show the newest WebSockets', example: 'admin connections --member alice' },
      async (session, _, { member, limit }) => {
        const filter = { member, limit: countOf('--limit', limit, 1, { of: 'connections', example: '50' }) }
        const connections = await session.withStore((store) => recentConnections(store, filter))
        const forms = { json: connectionJson, line: connectionLine, columns: CONNECTION_COLUMNS }
        session.list(connections, { ...forms, none: 'no connections recorded' })
      },
    )
    .option('--member <name>', 'of this member alone')
    .option('--limit <count>', 'how many at most', '50')
}
