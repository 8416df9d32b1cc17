import type { Command } from 'commander'
import type { CommandSet } from './cli-session.ts'
import { addUsageCommand } from './cli-usage.ts'
import { callJson, connectionJson } from './json-form.ts'
import { callLine, connectionLine } from './lines.ts'
import { countOf } from './option-values.ts'
import { recentCalls, recentConnections } from './spending.ts'
import { CALL_COLUMNS, CONNECTION_COLUMNS } from './table.ts'

export function addSpendingCommands(admin: Command, commands: CommandSet): void {
  addUsageCommand(admin, commands)

  commands
    .add<{ readonly member?: string; readonly limit: string }>(
      admin,
      { usage: 'calls', summary: 'show the newest calls', example: 'admin calls --member alice --limit 20' },
      async (session, _, { member, limit }) => {
        const filter = { member, limit: countOf('--limit', limit, 1, { of: 'calls', example: '50' }) }
        const calls = await session.withStore((store) => recentCalls(store, filter))
        session.list(calls, { json: callJson, line: callLine, columns: CALL_COLUMNS, none: 'no calls recorded' })
      },
    )
    .option('--member <name>', 'of this member alone')
    .option('--limit <count>', 'how many at most', '50')

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
