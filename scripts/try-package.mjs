// Packs the product, installs the tarball into an empty folder as a user would, and runs the quick start from there.
// Run by CI: node scripts/try-package.mjs
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'codex-gateway-package-'))
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'

/** Runs a program in the folder; throws when it fails. */
function run(program, args, options = {}) {
  process.stdout.write(`$ ${program} ${args.join(' ')}\n`)
  const output = execFileSync(program, args, {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'inherit'],
    ...options,
  })
  process.stdout.write(output ?? '')
  return output
}

/** Throws when the output is not what it should be. */
function expect(output, right) {
  if (!right.test(output)) throw new Error(`expected ${right}, got: ${output}`)
}

/** Starts `serve`, asks it whether it lives, and ends it as a supervisor would. */
async function tryServing(program, args) {
  process.stdout.write(`$ ${program} ${args.join(' ')}\n`)
  const server = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => server.once('exit', (code, signal) => resolve(code ?? signal)))
  const line = await new Promise((resolve, reject) => {
    server.stdout.setEncoding('utf8').once('data', resolve)
    void ended.then((code) => reject(new Error(`serve ended with ${code}`)))
  })
  const [url = ''] = /http:\S+/.exec(line) ?? []
  expect(await (await fetch(`${url}/healthz`)).text(), /^ok/)
  server.kill('SIGTERM')
  expect(String(await ended), /^0$/)
}

try {
  run(npm, ['pack', '--pack-destination', folder], {
    cwd: new URL('..', import.meta.url),
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  run(npm, ['install', '--no-audit', '--no-fund', '--prefer-offline', join(folder, tarball)])

  const gateway = (args, options) => run(join('node_modules', '.bin', 'codex-gateway'), args, options)
  expect(gateway(['--version']), /^\d+\.\d+\.\d+\n$/)
  writeFileSync(join(folder, 'gateway.toml'), gateway(['admin', 'sample-config']).replace(':8080', ':0'))
  const withConfig = ['--config', 'gateway.toml']
  expect(gateway([...withConfig, 'admin', 'init']), /^database initialized: sqlite:\/\/codex-gateway\.db\n$/)
  expect(gateway([...withConfig, 'admin', 'add-member', 'alice']), /^member created: id=1 name=alice\n$/)
  expect(gateway([...withConfig, 'admin', 'add-codex-key', 'alice']), /\nsecret: sk-codex-gw-\w{35}\n$/)
  const key = { input: 'sk-of-nobody\n' }
  expect(
    gateway([...withConfig, 'admin', 'add-upstream-key', 'main', '-', '--http', '--ws'], key),
    /^upstream key created: id=1 name=main\n$/,
  )
  expect(gateway([...withConfig, 'admin', 'usage']), /^no usage recorded today\n$/)
  await tryServing(join(folder, 'node_modules', '.bin', 'codex-gateway'), [...withConfig, 'serve'])
  expect(gateway(['demo', '--once']), /alice/)
  process.stdout.write('the package works\n')
} finally {
  rmSync(folder, { recursive: true, force: true })
}
