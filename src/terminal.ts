import { fstatSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { Writable } from 'node:stream'
import { getSystemErrorMessage } from 'node:util'
import { type Terminal, WrongUse } from './app.ts'

export interface ProcessTerminal extends Terminal {
  /** Resolves when everything printed is out; with the reason when some of it is lost. */
  written(): Promise<string | undefined>
}

/** The terminal, or the pipes, that this process was started with. */
export function processTerminal(): ProcessTerminal {
  const { stdin, stdout, stderr } = process
  let lost: NodeJS.ErrnoException | undefined
  const unread = new AbortController()
  const failed = (error: unknown): void => {
    // A reader that has seen enough (`| head`) is no fault.
    if (!(error instanceof Error)) return
    unread.abort()
    if (!('code' in error && error.code === 'EPIPE')) lost ??= error
  }
  stdout.on('error', failed)
  // Without a listener a log that nobody reads any more, or a full disk below it, would end the process and its calls.
  stderr.on('error', () => undefined)
  return {
    print: fstatSync(stdout.fd).isFile()
      ? (chunk) => writeWhole(stdout.fd, chunk, failed)
      : (chunk) => void stdout.write(chunk),
    written: () =>
      new Promise((resolve) => {
        stdout.write('', (error) => {
          failed(error)
          resolve(lost && reasonOf(lost))
        })
      }),
    taken: () =>
      new Promise((resolve) => {
        stdout.write('', () => resolve())
      }),
    watched: stderr.isTTY,
    complain: (chunk) => void stderr.write(chunk),
    interactive: stdout.isTTY,
    // Knows NO_COLOR, FORCE_COLOR and dumb terminals.
    colour: stdout.isTTY && stdout.hasColors(),
    unread: unread.signal,
    readAll: () => text(stdin),
    ask: stdin.isTTY ? askUnseen : undefined,
  }
}

/** Into a file Node's own stream writes once, and takes no notice when only a part of it fits. */
function writeWhole(file: number, chunk: string, failed: (error: unknown) => void): void {
  try {
    writeFileSync(file, chunk)
  } catch (error) {
    failed(error)
  }
}

function reasonOf(error: NodeJS.ErrnoException): string {
  return error.errno === undefined ? error.message : getSystemErrorMessage(error.errno)
}

/** Asks on standard error, and takes a line from the terminal without showing it. */
function askUnseen(question: string): Promise<string> {
  const { stdin, stderr } = process
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: stdin, output: nowhere, terminal: true, historySize: 0 })
  stderr.write(question)
  return new Promise((resolve, reject) => {
    let answer: string | undefined
    lines.once('line', (line) => {
      answer = line
      lines.close()
    })
    lines.once('close', () => {
      stderr.write('\n')
      if (answer === undefined) reject(new WrongUse('nothing was entered; nothing was changed'))
      else resolve(answer)
    })
  })
}
