// Writes the table of the settings into docs/configuration.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { settingsTable } from '../src/config-sample.ts'

const page = new URL('../docs/configuration.md', import.meta.url)
const parts = readFileSync(page, 'utf8').split(/(?<=do not edit -->\n)|(?=<!-- end of settings)/)
writeFileSync(page, `${parts[0]}\n${settingsTable()}\n${parts.at(-1)}`)
