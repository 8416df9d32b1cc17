import type { Command } from 'commander'
import type { CommandSet } from './cli-session.ts'
import { upstreamJson } from './json-form.ts'
import { upstreamLine } from './lines.ts'
import { baseUrlOf, countOf, labelOf, modelsOf, weightOf } from './option-values.ts'
import { secretFrom } from './secret-from.ts'
import { UPSTREAM_COLUMNS } from './table.ts'
import {
  addUpstreamKey,
  checkNameIsFree,
  listUpstreamKeys,
  setUpstreamKey,
  switchUpstreamKey,
  type UpstreamTraits,
} from './upstream-keys.ts'

interface UpstreamOptions {
  readonly http?: boolean
  readonly ws?: boolean
  readonly weight?: string
  readonly maxConcurrent?: string
  readonly org?: string
  readonly project?: string
  readonly models?: string
  readonly baseUrl?: string
  readonly apiKeyId?: string
  /** True when the option stands alone. */
  readonly secret?: string | true
}

export function addUpstreamKeyCommands(admin: Command, commands: CommandSet): void {
  const add = commands.add<UpstreamOptions>(
    admin,
    {
      usage: 'add-upstream-key <name> [secret]',
      summary: 'add an OpenAI API key; "-" reads it from standard input, and without it you are asked',
      example: 'admin add-upstream-key main - --http --ws < key.txt',
    },
    async (session, [name = '', given], options) => {
      const traits = traitsOf(options)
      // All else comes first: nobody should type a secret to learn that the settings are wrong or the name is taken.
      const { defaults } = session.load()
      if (given === undefined || given === '-')
        await session.withStore(({ registry }) => checkNameIsFree(registry, name))
      const secret = await secretFrom(session, given)
      const upstream = await session.withStore(({ registry }) =>
        addUpstreamKey(registry, { ...traits, name, secret }, defaults),
      )
      session.answer(upstreamJson(upstream), `upstream key created: id=${upstream.id} name=${upstream.name}`)
    },
  )
  withTraits(add, (usual) => `default ${usual}`)

  const set = commands.add<UpstreamOptions>(
    admin,
    {
      usage: 'set-upstream-key <name>',
      summary: 'change an upstream key',
      example: 'admin set-upstream-key main --max-concurrent 16 --no-ws',
    },
    async (session, [name = ''], options) => {
      const traits = traitsOf(options)
      const { secret } = options
      session.load()
      const renewed =
        secret === undefined ? {} : { secret: await secretFrom(session, secret === true ? undefined : secret) }
      const upstream = await session.withStore(({ registry }) =>
        setUpstreamKey(registry, name, { ...traits, ...renewed }),
      )
      session.answer(upstreamJson(upstream), `upstream key updated: ${upstream.name}`)
    },
  )
  withTraits(set, () => 'unchanged where left out')
  set.option('--secret [secret]', 'put another API key in its place; "-" reads it from standard input')
  addSwitches(admin, commands)

  commands.add(
    admin,
    { usage: 'list-upstream-keys', summary: 'list the upstream keys', example: 'admin list-upstream-keys' },
    async (session) => {
      const upstreams = await session.withStore(({ registry }) => listUpstreamKeys(registry))
      const columns = UPSTREAM_COLUMNS
      session.list(upstreams, { json: upstreamJson, line: upstreamLine, columns, none: 'no upstream keys yet' })
    },
  )
}

function addSwitches(admin: Command, commands: CommandSet): void {
  for (const enabled of [true, false]) {
    const verb = enabled ? 'enable' : 'disable'
    commands.add(
      admin,
      {
        usage: `${verb}-upstream-key <name>`,
        summary: `${verb} an upstream key`,
        example: `admin ${verb}-upstream-key main`,
      },
      async (session, [name = '']) => {
        const upstream = await session.withStore(({ registry }) => switchUpstreamKey(registry, name, enabled))
        session.answer(upstreamJson(upstream), `upstream key ${verb}d: ${upstream.name}`)
      },
    )
  }
}

/** `otherwise` says what holds where an option is left out. */
function withTraits(command: Command, otherwise: (usual: string) => string): void {
  command
    .option('--http', 'use it over HTTP (with neither --http nor --ws a new key serves both)')
    .option('--no-http', 'do not use it over HTTP')
    .option('--ws', 'use it over WebSocket')
    .option('--no-ws', 'do not use it over WebSocket')
    .option('--weight <number>', `share of the calls (${otherwise('1.0')})`)
    .option('--max-concurrent <count>', `calls at once (${otherwise('from the configuration')})`)
    .option('--org <id>', 'organization it belongs to, where upstream does not say it')
    .option('--project <id>', 'project it belongs to, where upstream does not say it')
    .option('--models <names>', `models it serves, with commas between, or "all" (${otherwise('all')})`)
    .option('--api-key-id <id>', 'how OpenAI’s books call it (key_…), for `reconcile`; empty for not known')
    .option('--base-url <url>', 'API base URL of its own; empty for the one of the configuration')
}

function traitsOf(options: UpstreamOptions): UpstreamTraits {
  const { http, ws, weight, maxConcurrent, org, project, models, baseUrl, apiKeyId } = options
  return {
    ...(http !== undefined && { http }),
    ...(ws !== undefined && { ws }),
    ...(weight !== undefined && { weight: weightOf('--weight', weight) }),
    ...(maxConcurrent !== undefined && {
      maxConcurrent: countOf('--max-concurrent', maxConcurrent, 1, { of: 'calls', example: '8' }),
    }),
    ...(org !== undefined && { organization: labelOf('--org', org) }),
    ...(project !== undefined && { project: labelOf('--project', project) }),
    ...(models !== undefined && { models: modelsOf('--models', models) }),
    ...(apiKeyId !== undefined && { apiKeyId: labelOf('--api-key-id', apiKeyId) }),
    ...(baseUrl !== undefined && { baseUrl: baseUrlOf('--base-url', baseUrl) }),
  }
}
