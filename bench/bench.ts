/** `npm run bench`: what nginx and the gateway add to a direct call, in one run. bench/README.md tells how. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildGateway } from './built.ts'
import type { LoadOrder } from './load-order.ts'
import { provenance } from './machine.ts'
import { measure, type Rig } from './measure.ts'
import { nginxVersion } from './nginx.ts'
import { pageWith } from './page.ts'
import { Partner } from './partner.ts'
import { measureIdle } from './measure-idle.ts'
import { idleScenarios, scenarios, type IdleScenario, type Scenario } from './scenarios.ts'
import { tables, type Measured, type MeasuredIdle } from './table.ts'
import type { UpstreamOrder } from './upstream.ts'

const USAGE = `npm run bench -- [--quick] [--only NAME,…] [--write] [--profile FOLDER]

  --quick           runs each scenario briefly: to see that everything works, not to quote
  --only NAME,…     runs these scenarios only: ${[...scenarios(true), ...idleScenarios(true)]
    .map(({ name }) => name)
    .join(', ')}
  --write           writes the tables into bench/README.md (a whole run only)
  --profile FOLDER  has the gateway write its CPU profiles there; costs time, so it excludes --write
`

const README = join(import.meta.dirname, 'README.md')

interface Options {
  readonly chosen: readonly Scenario[]
  readonly idle: readonly IdleScenario[]
  readonly write: boolean
  readonly profileFolder: string | undefined
}

/** Throws an Error with a sentence for whoever typed it. */
function optionsOf(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      write: { type: 'boolean', default: false },
      profile: { type: 'string' },
    },
  })
  const [driven, idle] = [scenarios(values.quick), idleScenarios(values.quick)]
  const all = [...driven, ...idle]
  const names = values.only?.split(',') ?? all.map(({ name }) => name)
  const unknown = names.find((name) => !all.some((scenario) => scenario.name === name))
  if (unknown !== undefined) throw new Error(`--only: there is no scenario "${unknown}"`)
  if (values.write && (values.quick || values.only !== undefined || values.profile !== undefined)) {
    throw new Error('--write: goes with a whole run only, without --quick, --only and --profile')
  }
  return {
    chosen: driven.filter(({ name }) => names.includes(name)),
    idle: idle.filter(({ name }) => names.includes(name)),
    write: values.write,
    profileFolder: values.profile === undefined ? undefined : resolve(values.profile),
  }
}

/** The tables. */
async function run({ chosen, idle, profileFolder }: Options): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'codex-gateway-bench-'))
  const interrupted = (): void => {
    rmSync(folder, { recursive: true, force: true })
    process.exit(1)
  }
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  try {
    const built = join(folder, 'built')
    buildGateway(built)
    const gateway = { built, profileFolder }
    const { partner: upstream, hello } = await Partner.start<UpstreamOrder>('upstream.ts')
    await using _upstream = upstream
    const { partner: load } = await Partner.start<LoadOrder>('load.ts')
    await using _load = load
    const rig: Rig = { upstream, upstreamPort: (hello as { port: number }).port, load, folder, gateway }
    const measured: Measured[] = []
    for (const scenario of chosen) {
      process.stderr.write(`${scenario.title} …\n`)
      measured.push({ scenario, result: await measure(scenario, rig) })
    }
    const measuredIdle: MeasuredIdle[] = []
    for (const scenario of idle) {
      process.stderr.write(`${scenario.title} …\n`)
      measuredIdle.push({ scenario, result: await measureIdle(scenario, rig) })
    }
    return tables(measured, measuredIdle)
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
    rmSync(folder, { recursive: true, force: true })
  }
}

async function main(): Promise<number> {
  let options: Options
  try {
    options = optionsOf(process.argv.slice(2))
  } catch (cause) {
    process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n\n${USAGE}`)
    return 2
  }
  if (process.platform !== 'linux') {
    process.stderr.write('The benchmark reads what processes cost from /proc: it runs on Linux only.\n')
    return 1
  }
  const nginx = nginxVersion()
  if (nginx === undefined) {
    process.stderr.write('nginx is not installed, and there is nothing to compare with: apt-get install nginx-light\n')
    return 1
  }
  let tablesOf: string
  try {
    tablesOf = await run(options)
  } catch (cause) {
    process.stderr.write(`The run is void: ${cause instanceof Error ? cause.message : String(cause)}\n`)
    return 1
  }
  const text = `${provenance(nginx)}\n\n${tablesOf}`
  process.stdout.write(text)
  if (options.write) writeFileSync(README, await pageWith(readFileSync(README, 'utf8'), text))
  return 0
}

process.exitCode = await main()
