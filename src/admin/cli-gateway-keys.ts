import type { Command } from 'commander'
import type { CommandSet } from './cli-session.ts'
import { addGatewayKey, listGatewayKeys, switchGatewayKey } from './gateway-keys.ts'
import { gatewayKeyJson, issuedKeyJson } from './json-form.ts'
import { gatewayKeyLine } from './lines.ts'
import { expiryOf } from './option-values.ts'
import { GATEWAY_KEY_COLUMNS } from './table.ts'

export function addGatewayKeyCommands(admin: Command, commands: CommandSet): void {
  commands
    .add<{ readonly expires?: string }>(
      admin,
      {
        usage: 'add-codex-key <member>',
        summary: "create a key for a member's Codex; its secret is shown this once",
        example: 'admin add-codex-key alice --expires 90d',
      },
      async (session, [member = ''], { expires }) => {
        const { world } = session
        const expiresAt = expires === undefined ? undefined : expiryOf('--expires', expires, world.now())
        const key = await session.withStore(({ registry }) =>
          addGatewayKey(registry, { member, expiresAt }, (length) => world.randomBytes(length)),
        )
        session.answer(
          issuedKeyJson(key),
          `Codex key created for member ${key.memberName}`,
          `prefix: ${key.prefix}`,
          `secret: ${key.secret}`,
        )
      },
    )
    .option('--expires <when>', 'date (its first instant, UTC), instant, or time from now: 2027-01-31, 90d, 12h, 30m')

  for (const enabled of [true, false]) {
    const verb = enabled ? 'enable' : 'disable'
    commands.add(
      admin,
      {
        usage: `${verb}-codex-key <prefix>`,
        summary: `${verb} a member's key, named by its prefix, by any first part of it that no other key has, or by the whole key`,
        example: `admin ${verb}-codex-key sk-codex-gw-3fG7kQ2x`,
      },
      async (session, [prefix = '']) => {
        const key = await session.withStore(({ registry }) => switchGatewayKey(registry, prefix, enabled))
        session.answer(gatewayKeyJson(key), `Codex key ${verb}d: ${key.prefix}`)
      },
    )
  }

  commands.add(
    admin,
    { usage: 'list-codex-keys', summary: "list the members' keys", example: 'admin list-codex-keys' },
    async (session) => {
      const keys = await session.withStore(({ registry }) => listGatewayKeys(registry))
      const columns = GATEWAY_KEY_COLUMNS
      session.list(keys, { json: gatewayKeyJson, line: gatewayKeyLine, columns, none: 'no Codex keys yet' })
    },
  )
}
