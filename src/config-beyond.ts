import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { reasonOf } from './config-error.ts'
import { valueAt } from './config-explain.ts'
import { parseAddress, parseSqliteUrl } from './config-kinds.ts'
import { type Issue, settings } from './config-schema.ts'

type Values = Readonly<Record<string, unknown>>
/** The value in force, in the form of the file; undefined where the schema has refused it. */
type Reader = (section: string, key: string) => unknown

/**
 * Judges what the schema cannot: values that are right alone and wrong together, and the files that values name. Leaves
 * out what was `refused` before, so that nothing is told twice. `ca` is the content of `[upstream] ca_file`.
 */
export function judgeBeyond(
  values: Values,
  refused: readonly Issue[],
): { readonly issues: readonly Issue[]; readonly ca: string | undefined } {
  const read: Reader = (section, key) => {
    if (refused.some(({ path }) => path[0] === section && (path[1] ?? key) === key)) return undefined
    return (
      valueAt(values, [section, key]) ?? settings().find((one) => one.section === section && one.key === key)?.usual
    )
  }
  const ca = certificatesOf(read('upstream', 'ca_file'))
  const issues = [...tooLittleRoom(values, read), ...folders(read), ...unsigned(read), ...sameAddress(read)]
  return { issues: [...issues, ...ca.issues], ca: ca.pem }
}

/** What must hold a body of the largest size. */
const ROOMS = ['max_decompressed_bytes', 'max_buffered_bytes', 'max_member_buffered_bytes']

function tooLittleRoom(values: Values, read: Reader): readonly Issue[] {
  const body = read('limits', 'max_body_bytes')
  return ROOMS.flatMap((key): Issue[] => {
    const room = read('limits', key)
    if (typeof body !== 'number' || typeof room !== 'number' || room >= body) return []
    // To blame is what was set, not a default.
    return valueAt(values, ['limits', key]) === undefined
      ? [wrong('limits', 'max_body_bytes', `at most ${key}, which is ${room}`)]
      : [wrong('limits', key, `at least max_body_bytes, which is ${body}`)]
  })
}

function folders(read: Reader): readonly Issue[] {
  const [url, keyFile] = [read('database', 'url'), read('secrets', 'key_file')]
  const issues: Issue[] = []
  if (isFolder(parseSqliteUrl(String(url))))
    issues.push(wrong('database', 'url', 'a SQLite URL of a file: it names a folder'))
  if (isFolder(keyFile)) issues.push(wrong('secrets', 'key_file', 'the name of a file: it is a folder'))
  return issues
}

/** Whoever is posted to must be able to tell our posts from others. */
function unsigned(read: Reader): readonly Issue[] {
  if (!read('quota', 'webhook_url') || read('quota', 'webhook_secret') !== '') return []
  return [wrong('quota', 'webhook_url', 'empty where there is no webhook_secret: what is posted is signed with it')]
}

const EVERYWHERE = ['0.0.0.0', '::']

/** Without this the gateway would say of its own listener that something else listens there. */
function sameAddress(read: Reader): readonly Issue[] {
  const [metrics, server] = ['metrics', 'server'].map((section) => parseAddress(String(read(section, 'bind_addr'))))
  if (!metrics || !server || metrics.port === 0 || metrics.port !== server.port) return []
  const [one, other] = [metrics.host, server.host]
  if (one !== other && !EVERYWHERE.includes(one) && !EVERYWHERE.includes(other)) return []
  return [wrong('metrics', 'bind_addr', 'another port than that of [server] bind_addr')]
}

function isFolder(path: unknown): boolean {
  if (typeof path !== 'string' || path === '') return false
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
  } catch {
    return false // What cannot be looked at is told by whoever opens it.
  }
}

const BEGIN = '-----BEGIN CERTIFICATE-----'

function certificatesOf(file: unknown): { readonly issues: readonly Issue[]; readonly pem: string | undefined } {
  if (typeof file !== 'string' || file === '') return { issues: [], pem: undefined }
  const refused = (why: string): ReturnType<typeof certificatesOf> => ({
    issues: [wrong('upstream', 'ca_file', `the name of a file of PEM certificates: ${why}`)],
    pem: undefined,
  })
  let pem: string
  try {
    pem = readFileSync(file, 'utf8')
  } catch (cause) {
    return refused(reasonOf(cause))
  }
  const [, ...blocks] = pem.split(BEGIN)
  if (blocks.length === 0) return refused('it has none in it')
  // TLS would take a damaged one without a word, and then trust nobody.
  const damaged = blocks.findIndex((block) => !isCertificate(BEGIN + block))
  return damaged === -1 ? { issues: [], pem } : refused(`certificate ${damaged + 1} in it is damaged`)
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false // The only way to learn it.
  }
}

function wrong(section: string, key: string, right: string): Issue {
  return { kind: 'value', path: [section, key], right }
}
