import { readFileSync } from 'node:fs'
import { format, type FormatConfig } from 'oxfmt'

const BEGIN = '<!-- tables: begin -->'
const END = '<!-- tables: end -->'

/** The page with `text` between its markers, formatted as `npm run check` wants it. Throws an Error when it has lost them. */
export async function pageWith(page: string, text: string): Promise<string> {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (from === -1 || to < from) throw new Error(`the page has lost its markers ${BEGIN} and ${END}`)
  const style = JSON.parse(readFileSync(new URL('../.oxfmtrc.json', import.meta.url), 'utf8')) as FormatConfig
  const written = `${page.slice(0, from + BEGIN.length)}\n\n${text}\n${page.slice(to)}`
  const { code, errors } = await format('README.md', written, style)
  if (errors.length > 0)
    throw new Error(`the page cannot be formatted: ${errors.map(({ message }) => message).join('; ')}`)
  return code
}
