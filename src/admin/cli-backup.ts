import type { Command } from 'commander'
import type { CommandSet } from './cli-session.ts'
import { fileOf } from './option-values.ts'
import { wholeNumber } from './table.ts'

export function addBackupCommands(admin: Command, commands: CommandSet): void {
  commands.add(
    admin,
    {
      usage: 'backup <file>',
      summary: 'copy the database into a new file, while the gateway runs or not',
      example: 'admin backup /backup/gateway-2026-11-24.db',
    },
    async (session, [file = '']) => {
      const installation = session.load()
      const { databaseUrl } = installation
      const { bytes, keyFile, warnings } = await installation.backUp(fileOf('file', file))
      session.warn(warnings)
      session.answer(
        { database: databaseUrl, file, bytes, key_file: keyFile ?? null },
        `${databaseUrl} copied to ${file} (${wholeNumber(bytes)} bytes)`,
        keyLine('the copy', keyFile),
      )
    },
  )

  commands.add(
    admin,
    {
      usage: 'restore <file>',
      summary: 'check a copy, and put it in the place of the database; the gateway must be stopped',
      example: 'admin restore /backup/gateway-2026-11-24.db',
    },
    async (session, [file = '']) => {
      const installation = session.load()
      const { databaseUrl } = installation
      const { aside, keyFile, warnings } = await installation.restore(fileOf('file', file))
      session.warn(warnings)
      session.answer(
        { database: databaseUrl, file, replaced: aside ?? null, key_file: keyFile ?? null },
        `${databaseUrl} restored from ${file}`,
        ...(aside === undefined ? [] : [`what was there before is kept: ${aside}`]),
        keyLine('it', keyFile),
      )
    },
  )
}

function keyLine(what: string, keyFile: string | undefined): string {
  const key = keyFile === undefined ? 'the value of CODEX_GATEWAY_SECRET_KEY' : keyFile
  return `the sealing key is not in ${what}: keep ${key} too, apart from it; without it upstream secrets are lost`
}
