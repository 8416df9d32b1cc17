import type { Command } from 'commander'
import type { AdminKey } from '../ports.ts'
import { listAdminKeys, ONLY_ORGANIZATION, removeAdminKey, setAdminKey, switchAdminKey } from './admin-keys.ts'
import type { CommandSet } from './cli-session.ts'
import { secretFrom } from './secret-from.ts'
import { visible } from './lines.ts'
import type { Column } from './table.ts'

interface KeyOptions {
  readonly organization: string
}

export function addAdminKeyCommands(admin: Command, commands: CommandSet): void {
  const set = commands.add<KeyOptions>(
    admin,
    {
      usage: 'set-admin-key [secret]',
      summary: 'give the OpenAI admin key that reads an organization’s books; "-" reads it from standard input',
      example: 'admin set-admin-key - --organization research < admin-key.txt',
    },
    async (session, [given], { organization }) => {
      session.load()
      const secret = await secretFrom(session, given)
      const key = await session.withStore(({ adminKeys }) => setAdminKey(adminKeys, organization, secret))
      session.answer(adminKeyJson(key), `admin key set: organization=${visible(key.organization)}`)
    },
  )
  ofOrganization(set)

  const actions = [
    ['enable', 'enabled', 'read an organization’s books again', (keys, name) => switchAdminKey(keys, name, true)],
    ['disable', 'disabled', 'read an organization’s books no more', (keys, name) => switchAdminKey(keys, name, false)],
    ['remove', 'removed', 'forget an organization’s admin key', removeAdminKey],
  ] as const satisfies readonly (readonly [string, string, string, typeof removeAdminKey])[]
  for (const [verb, done, summary, action] of actions) {
    const command = commands.add<KeyOptions>(
      admin,
      { usage: `${verb}-admin-key`, summary, example: `admin ${verb}-admin-key --organization research` },
      async (session, _, { organization }) => {
        const key = await session.withStore(({ adminKeys }) => action(adminKeys, organization))
        session.answer(adminKeyJson(key), `admin key ${done}: organization=${visible(key.organization)}`)
      },
    )
    ofOrganization(command)
  }

  commands.add(
    admin,
    { usage: 'list-admin-keys', summary: 'list the OpenAI admin keys', example: 'admin list-admin-keys' },
    async (session) => {
      const keys = await session.withStore(({ adminKeys }) => listAdminKeys(adminKeys))
      session.list(keys, { json: adminKeyJson, line: adminKeyLine, columns: COLUMNS, none: 'no admin keys yet' })
    },
  )
}

function ofOrganization(command: Command): void {
  command.option('--organization <name>', 'whose, as you call it', ONLY_ORGANIZATION)
}

function adminKeyJson(key: AdminKey): object {
  return {
    id: key.id,
    organization: key.organization,
    enabled: key.enabled,
    created_at: new Date(key.createdAt).toISOString(),
  }
}

function adminKeyLine(key: AdminKey): string {
  const at = new Date(key.createdAt).toISOString()
  return `${visible(key.organization)}: id=${key.id} enabled=${key.enabled} created_at=${at}`
}

const COLUMNS: readonly Column<AdminKey>[] = [
  { title: 'ORGANIZATION', of: (key) => key.organization },
  {
    title: 'STATE',
    of: (key) => (key.enabled ? 'enabled' : 'disabled'),
    paint: (key) => (key.enabled ? 'green' : 'red'),
  },
  { title: 'SET', of: (key) => `${new Date(key.createdAt).toISOString().slice(0, 19)}Z` },
]
