import { readFileSync } from 'node:fs'
import { format, type FormatConfig } from 'oxfmt'

/** The page with `text` between the markers of that name, formatted as `npm run check` wants it. Throws an Error when it has lost them. */
export async function pageWith(
  page: string,
  text: string,
  name: 'tables' | 'ledger' | 'ledger-month' = 'tables',
): Promise<string> {
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`]
  const [from, to] = [page.indexOf(begin), page.indexOf(end)]
  if (from === -1 || to < from) throw new Error(`the page has lost its markers ${begin} and ${end}`)
  const style = JSON.parse(readFileSync(new URL('../.oxfmtrc.json', import.meta.url), 'utf8')) as FormatConfig
  const written = `${page.slice(0, from + begin.length)}\n\n${text}\n${page.slice(to)}`
  const { code, errors } = await format('README.md', written, style)
  if (errors.length > 0)
    throw new Error(`the page cannot be formatted: ${errors.map(({ message }) => message).join('; ')}`)
  return code
}
