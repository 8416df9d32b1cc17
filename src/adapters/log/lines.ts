import type { Log, LogFields } from '../../ports.ts'

export type Level = 'debug' | 'info' | 'warn' | 'error'

export interface LogOptions {
  readonly level: Level
  readonly format: 'text' | 'json'
  readonly write: (line: string) => void
}

const LEVELS: readonly Level[] = ['debug', 'info', 'warn', 'error']

/** Writes a line per event: `2026-11-23T10:00:00.000Z warn key cooling upstream=main`, or the same as JSON. */
export function lineLog({ level, format, write }: LogOptions): Log {
  const lowest = LEVELS.indexOf(level)
  const at =
    (severity: Level) =>
    (event: string, fields: LogFields = {}): void => {
      if (LEVELS.indexOf(severity) < lowest) return
      const time = new Date().toISOString()
      write(
        `${format === 'json' ? JSON.stringify({ time, level: severity, event, ...fields }) : text(time, severity, event, fields)}\n`,
      )
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

function text(time: string, severity: Level, event: string, fields: LogFields): string {
  const pairs = Object.entries(fields).filter(([, value]) => value !== undefined)
  return [time, severity, event, ...pairs.map(([name, value]) => `${name}=${quoted(String(value))}`)].join(' ')
}

/** Values with spaces or line breaks are quoted, so that one event stays one line. */
function quoted(value: string): string {
  return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)
}
