import type { Command } from 'commander'
import type { CommandSet } from './cli-session.ts'
import { countOf } from './option-values.ts'

export function addServeCommands(program: Command, commands: CommandSet): void {
  commands.add(
    program,
    { usage: 'serve', summary: 'run the gateway', example: 'serve --config gateway.toml' },
    (session) => session.load().serve(),
  )

  commands
    .add<{ readonly port: string; readonly pace?: string }>(
      program,
      {
        usage: 'simulator',
        summary: 'run an OpenAI API on loopback for trying things out',
        example: 'simulator --port 9090',
      },
      ({ world }, _, { port, pace }) =>
        world.simulate({
          port: portOf(port),
          paceMs:
            pace === undefined ? undefined : countOf('--pace', pace, 0, 'a whole number of milliseconds, such as 20'),
        }),
    )
    .option('--port <port>', 'port to listen on, 0 = a free one', '9090')
    .option('--pace <ms>', 'pause between two events of a stream')

  commands
    .add<{ readonly once?: boolean }>(
      program,
      {
        usage: 'demo',
        summary: 'run the simulator and a gateway before it, in a temporary folder',
        example: 'demo --once',
      },
      ({ world }, _, { once }) => world.demo({ once: once ?? false }),
    )
    .option('--once', 'run one exchange, print what it cost, and end')
}

function portOf(text: string): number {
  const right = 'a port from 0 to 65535, such as 9090'
  const port = countOf('--port', text, 0, right)
  return port <= 65_535 ? port : countOf('--port', text, port + 1, right)
}

export function addSetupCommands(admin: Command, commands: CommandSet): void {
  commands.add(
    admin,
    {
      usage: 'init',
      summary: 'create the database, and the key file that seals upstream secrets',
      example: 'admin init --config gateway.toml',
    },
    async (session) => {
      const installation = session.load()
      const { keyFile, warnings } = await installation.initialize()
      session.warn(warnings)
      const json = { database: installation.databaseUrl, key_file: keyFile ?? null }
      session.answer(json, `database initialized: ${installation.databaseUrl}`)
    },
  )

  commands.add(
    admin,
    {
      usage: 'check-config',
      summary: 'check the configuration, and show what differs from the defaults',
      example: 'admin check-config --config gateway.toml',
    },
    async (session) => {
      const { file, settings } = session.load()
      const origin = { default: '', file: '', environment: 'environment variable ' }
      const changed = settings.filter(({ source }) => source !== 'default')
      session.answer(
        { file: file ?? null, settings },
        `configuration is right: ${file ?? 'no file, defaults'}`,
        ...changed.map(({ key, variable, value, source }) => {
          const from = source === 'file' ? 'file' : `${origin[source]}${variable}`
          return `${key} = ${JSON.stringify(value)} (${from})`
        }),
      )
    },
  )

  commands.add(
    admin,
    {
      usage: 'sample-config',
      summary: 'print a configuration file with every setting and its default',
      example: 'admin sample-config > gateway.toml',
    },
    async (session) => {
      const toml = session.world.sampleConfig()
      session.answer({ toml }, toml.trimEnd())
    },
  )
}
