import type { Command } from 'commander'
import { DAY_MS } from '../core/calendar.ts'
import type { CallSpan } from '../ports.ts'
import type { CommandSet, Session } from './cli-session.ts'
import { textOf } from './option-values.ts'
import { prunedWarning } from './pruned.ts'
import { dateOf, messagePriceOf, minutePriceOf, priceOf } from './rate-values.ts'
import { cardInForce, likeKnown, listRates, setRate, showRate, unsetRate, type RateWish } from './rates.ts'
import { rateJson, repricingJson, setRateJson, sheetJson } from './rates-json.ts'
import { DIFFERENCE_COLUMNS, differenceLine, RATE_COLUMNS, rateLine, setRateLine } from './rates-lines.ts'
import { sheetLines, sumLine } from './rates-lines.ts'
import { applyRepricing, weighRepricing, type Repricing } from './repricing.ts'
import { table } from './table.ts'
import type { AdminStore } from './world.ts'
import { WrongUse } from './wrong-use.ts'

/** `admin rates`: what models cost, and what administrators change of it. */
export function addRateCommands(admin: Command, commands: CommandSet): void {
  const rates = admin.command('rates').description('see and set what models cost, and price calls again')
  rates.addHelpText('after', '\nExample:\n  codex-gateway admin rates show gpt-6.1-sol\n')
  addViews(rates, commands)
  addChanges(rates, commands)
  addReprice(rates, commands)
}

function addViews(rates: Command, commands: CommandSet): void {
  commands
    .add<{ readonly model?: string }>(
      rates,
      {
        usage: 'list',
        summary: 'list the rates that count now, in credits per million tokens',
        example: 'admin rates list --json',
      },
      async (session, _, { model }) => {
        const card = await session.withStore((store) => cardFor(session, store))
        const rows = listRates(card, session.world.now(), model)
        session.list(rows, { json: rateJson, line: rateLine, columns: RATE_COLUMNS, none: 'no rates' })
      },
    )
    .option('--model <name>', 'of this model alone')

  commands.add(
    rates,
    {
      usage: 'show <model>',
      summary: "show all of a model's rates, in credits and in US dollars, where they were read, and which count now",
      example: 'admin rates show gpt-5.6-sol',
    },
    async (session, [model = '']) => {
      const card = await session.withStore((store) => cardFor(session, store))
      const sheet = showRate(card, session.world.now(), model)
      session.answer(sheetJson(sheet), ...sheetLines(sheet))
    },
  )
}

interface PriceOptions {
  readonly input?: string
  readonly cached?: string
  readonly output?: string
  readonly cacheWrite?: string
  readonly minute?: string
  readonly message?: string
  readonly from?: string
}

function addChanges(rates: Command, commands: CommandSet): void {
  commands
    .add<PriceOptions>(
      rates,
      {
        usage: 'set <model>',
        summary: 'set what a model costs, in credits per million tokens; calls to come are priced by it',
        example: 'admin rates set gpt-6.3-sol --input 50 --cached 2.5 --output 250 --from 2026-12-01',
      },
      async (session, [model = ''], options) => {
        const prices = pricesOf(options)
        const wish = wishOf(session, model, options.from)
        const rate = await session.withStore(async (store) => {
          session.warn(likeKnown(await cardFor(session, store), model))
          return await setRate(store.rateBook, wish, prices)
        })
        session.answer(setRateJson(rate), `rate set: ${setRateLine(rate)}`)
      },
    )
    .option('--input <credits>', 'uncached input')
    .option('--cached <credits>', 'cached input')
    .option('--output <credits>', 'output')
    .option('--cache-write <credits>', 'input that is written to the cache (default: as other input)')
    .option('--minute <credits>', 'a minute of audio that is counted by its length; alone, tokens keep what they cost')
    .option('--message <credits>', 'instead of these, a message on average, where messages are charged')
    .option('--from <date>', 'the UTC day from which it counts (default: always)')

  commands
    .add<{ readonly from?: string; readonly message?: boolean }>(
      rates,
      {
        usage: 'unset <model>',
        summary: 'take back what was set; what the configuration says or OpenAI published counts again',
        example: 'admin rates unset gpt-6.3-sol --from 2026-12-01',
      },
      async (session, [model = ''], { from, message }) => {
        const wish = wishOf(session, model, from)
        const of = message === true ? 'messages' : 'tokens'
        const rate = await session.withStore(({ rateBook }) => unsetRate(rateBook, wish, of))
        session.answer(setRateJson(rate), `rate taken back: ${setRateLine(rate)}`)
      },
    )
    .option('--message', 'what was set for a message, not for tokens')
    .option('--from <date>', 'the day that it was set from (default: always)')
}

/** Of tokens, or of a message: one rate is about one of them. */
function pricesOf({ message, ...of }: PriceOptions): Parameters<typeof setRate>[2] {
  if (message !== undefined) {
    if (hasTokenPrice(of) || of.minute !== undefined) {
      throw new WrongUse('--message stands alone: set the prices of tokens by another command')
    }
    return { message: messagePriceOf('--message', message) }
  }
  const minute = of.minute === undefined ? {} : { minute: minutePriceOf('--minute', of.minute) }
  // A model that counts the length of audio may have no price of tokens.
  if (of.minute !== undefined && !hasTokenPrice(of)) {
    return { input: 0n, cached: 0n, output: 0n, cacheWrite: undefined, ...minute }
  }
  return {
    input: priceOf('--input', of.input),
    cached: priceOf('--cached', of.cached),
    output: priceOf('--output', of.output),
    cacheWrite: of.cacheWrite === undefined ? undefined : priceOf('--cache-write', of.cacheWrite),
    ...minute,
  }
}

function hasTokenPrice({ input, cached, output, cacheWrite }: PriceOptions): boolean {
  return [input, cached, output, cacheWrite].some((price) => price !== undefined)
}

interface RepriceOptions {
  readonly from?: string
  readonly to?: string
  readonly member?: string
  readonly why?: string
  readonly yes?: boolean
}

function addReprice(rates: Command, commands: CommandSet): void {
  const plan = {
    usage: 'reprice',
    summary: 'price settled calls again by the rates that counted when they ended, and show the difference',
    example: 'admin rates reprice --from 2026-11-01 --yes --why "rate corrected"',
  }
  commands
    .add<RepriceOptions>(rates, plan, async (session, _, options) => {
      const span = spanOf(session, options)
      const why = options.why === undefined ? 'priced again' : textOf('--why', options.why)
      await session.withStore(async (store) => {
        const card = await cardFor(session, store)
        const weighed = await weighRepricing(store.rateBook, span, card)
        const pruned = await store.reports.pruned(span)
        session.warn(prunedWarning(pruned, 'they keep their price'))
        if (!session.json) tellDifference(session, weighed)
        const reason = { who: session.world.user, why }
        const adjusted = options.yes === true ? await applyRepricing(store.rateBook, span, card, reason) : undefined
        session.answer({ ...repricingJson(weighed, adjusted), pruned: pruned.calls }, conclusion(weighed, adjusted))
      })
    })
    .requiredOption('--from <date>', 'calls that started on this UTC day or later')
    .option('--to <date>', 'calls that started on this UTC day or earlier (default: all)')
    .option('--member <name>', 'of this member alone')
    .option('--why <text>', 'the reason, kept with every adjustment')
    .option('--yes', 'write the new prices down; without it nothing is changed')
}

function tellDifference({ world: { terminal } }: Session, weighed: Repricing): void {
  const { differences } = weighed
  const lines = differences.map((each) => `${differenceLine(each)}\n`).join('')
  const rows = terminal.interactive ? table(DIFFERENCE_COLUMNS, differences, terminal.colour) : lines
  terminal.print(`${differences.length === 0 ? '' : rows}${sumLine(weighed)}\n`)
}

function conclusion({ differences }: Repricing, adjusted: number | undefined): string {
  if (differences.length === 0) return 'no call would have another price'
  return adjusted === undefined
    ? 'nothing was changed: give --yes to write the new prices down'
    : `calls adjusted: ${adjusted}`
}

function spanOf({ world }: Session, { from = '', to, member }: RepriceOptions): CallSpan {
  const span = {
    from: Date.parse(dateOf('--from', from)),
    to: to === undefined ? world.now() : Date.parse(dateOf('--to', to)) + DAY_MS,
    member,
  }
  if (span.from < span.to) return span
  throw new WrongUse(`--from ${from} is after ${to === undefined ? 'today' : `--to ${to}`}: no day lies between`)
}

function wishOf({ world }: Session, model: string, from: string | undefined): RateWish {
  return { model, from: from === undefined ? undefined : dateOf('--from', from), who: world.user }
}

function cardFor(session: Session, { rateBook }: AdminStore): ReturnType<typeof cardInForce> {
  return cardInForce(rateBook, session.load().card)
}
