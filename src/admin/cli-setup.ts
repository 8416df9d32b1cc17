import { isDeepStrictEqual } from 'node:util'
import type { Command } from 'commander'
import type { CommandSet } from './cli-session.ts'
import { countOf, portOf, speedOf, textOf } from './option-values.ts'

export function addServeCommands(program: Command, commands: CommandSet): void {
  commands.add(
    program,
    { usage: 'serve', summary: 'run the gateway', example: 'serve --config gateway.toml' },
    (session) => session.load().serve(),
  )

  addSimulator(program, commands)

  commands
    .add<{ readonly once?: boolean }>(
      program,
      {
        usage: 'demo',
        summary: 'run the simulator and a gateway before it, in a temporary folder',
        example: 'demo --once',
      },
      ({ world, json }, _, { once }) => world.demo({ once: once ?? false, json }),
    )
    .option('--once', 'run one exchange, print what it cost, and end')
}

interface SimulatorFlags {
  readonly port: string
  readonly pace?: string
  readonly tokensPerSecond?: string
  readonly text?: string
  readonly agent?: boolean
}

function addSimulator(program: Command, commands: CommandSet): void {
  commands
    .add<SimulatorFlags>(
      program,
      {
        usage: 'simulator',
        summary: 'run an OpenAI API on loopback for trying things out; its keys are sk-sim-alpha, -beta, -gamma',
        example: 'simulator --port 9090 --tokens-per-second 50',
      },
      ({ world }, _, { port, pace, tokensPerSecond, text, agent }) =>
        world.simulate({
          port: portOf('--port', port),
          paceMs: pace === undefined ? undefined : countOf('--pace', pace, 0, { of: 'milliseconds', example: '20' }),
          tokensPerSecond: tokensPerSecond === undefined ? undefined : speedOf('--tokens-per-second', tokensPerSecond),
          text: text === undefined ? undefined : textOf('--text', text),
          agent: agent ?? false,
        }),
    )
    .option('--port <port>', 'port to listen on, 0 = a free one', '9090')
    .option('--text <text>', 'what the model answers')
    .option('--tokens-per-second <number>', 'how fast the model generates (default as fast as it can)')
    .option('--pace <ms>', 'pause between two events of a stream')
    .option('--agent', 'first ask the client to run a command and to edit a file, where it offers the tools')
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
      // Scripts know one line.
      const forPeople = session.world.terminal.interactive && keyFile !== undefined
      const copy = `sealing key: ${keyFile}; keep a copy of it in a safe place, apart from the database's`
      session.answer(json, `database initialized: ${installation.databaseUrl}`, ...(forPeople ? [copy] : []))
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
      const changed = settings.filter((one) => !isDeepStrictEqual(one.value, one.default))
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
