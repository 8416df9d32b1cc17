import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { Writable } from 'node:stream'
import { type Terminal, WrongUse } from './app.ts'

/** The terminal, or the pipes, that this process was started with. */
export function processTerminal(): Terminal {
  const { stdin, stdout, stderr } = process
  // A reader that has seen enough (`| head`) is no fault.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
  return {
    print: (chunk) => void stdout.write(chunk),
    complain: (chunk) => void stderr.write(chunk),
    interactive: stdout.isTTY,
    // Knows NO_COLOR, FORCE_COLOR and dumb terminals.
    colour: stdout.isTTY && stdout.hasColors(),
    readAll: () => text(stdin),
    ask: stdin.isTTY ? askUnseen : undefined,
  }
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
