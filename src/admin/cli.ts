import { Command, CommanderError } from 'commander'
import { RegistryError } from '../ports.ts'
import { addAdminKeyCommands } from './cli-admin-keys.ts'
import { addBackupCommands } from './cli-backup.ts'
import { addGatewayKeyCommands } from './cli-gateway-keys.ts'
import { addDoctorCommand } from './cli-doctor.ts'
import { addMemberCommands } from './cli-members.ts'
import { CommandSet } from './cli-session.ts'
import { addRateCommands } from './cli-rates.ts'
import { addReconcileCommand } from './cli-reconcile.ts'
import { addServeCommands, addSetupCommands } from './cli-setup.ts'
import { addQuotaCommands } from './cli-quota.ts'
import { addSpendingCommands } from './cli-spending.ts'
import { addUpstreamKeyCommands } from './cli-upstream-keys.ts'
import type { Terminal, World } from './world.ts'
import { WrongUse } from './wrong-use.ts'

const FAILED = 1
const WRONG_USE = 2

/**
 * Runs one command line, without the names of the program. Resolves with the exit code: 0, 1 when something failed,
 * 2 when it was asked for wrongly and nothing was changed. Never rejects.
 */
export async function runCommandLine(argv: readonly string[], world: World): Promise<number> {
  const commands = new CommandSet(world)
  try {
    await programOf(world, commands).parseAsync(argv, { from: 'user' })
    return commands.exitCode
  } catch (error) {
    return report(error, world.terminal)
  }
}

function programOf(world: World, commands: CommandSet): Command {
  const { terminal } = world
  const program = new Command('codex-gateway')
    .description('The gateway that a company puts in front of OpenAI Codex.')
    .version(world.version)
    .option('-c, --config <file>', 'configuration file (also CODEX_GATEWAY_CONFIG); defaults without one')
    .option('--json', 'answer in JSON')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => terminal.print(text),
      writeErr: (text) => terminal.complain(text),
      outputError: (text, write) => write(`${text.trim().replaceAll('\n', ' ')}\n`),
    })
  program.addHelpText('after', '\nExample:\n  codex-gateway serve --config gateway.toml\n')
  addServeCommands(program, commands)

  const admin = program.command('admin').description('set up the gateway, and see what was used')
  admin.addHelpText('after', '\nExample:\n  codex-gateway admin add-member alice\n')
  addSetupCommands(admin, commands)
  addBackupCommands(admin, commands)
  addMemberCommands(admin, commands)
  addGatewayKeyCommands(admin, commands)
  addUpstreamKeyCommands(admin, commands)
  addAdminKeyCommands(admin, commands)
  addReconcileCommand(admin, commands)
  addSpendingCommands(admin, commands)
  addRateCommands(admin, commands)
  addDoctorCommand(admin, commands)
  addQuotaCommands(admin, commands)
  return program
}

function report(error: unknown, terminal: Terminal): number {
  // Commander has already said what it had to say.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USE
  const message = error instanceof Error ? error.message : String(error)
  for (const line of message.split('\n')) terminal.complain(`error: ${line}\n`)
  return error instanceof WrongUse || error instanceof RegistryError ? WRONG_USE : FAILED
}
