import { z } from 'zod'
import { choice, credits, nanoCredits, percents, secret, text } from './config-kinds.ts'
import type { SettledConfig } from './config-shape.ts'

type TextSetting = z.ZodDefault<z.ZodString>

type QuotaSettings = {
  readonly contact: TextSetting
  readonly window: z.ZodDefault<z.ZodEnum<{ anchored: 'anchored'; rolling: 'rolling' }>>
  readonly daily: z.ZodDefault<z.ZodNumber>
  readonly monthly: z.ZodDefault<z.ZodNumber>
  readonly enforcement: z.ZodDefault<z.ZodEnum<{ hard: 'hard'; shadow: 'shadow' }>>
  readonly warn_at: z.ZodDefault<z.ZodArray<z.ZodNumber>>
  readonly webhook_url: TextSetting
  readonly webhook_secret: TextSetting
}

/** The section `[quota]`. */
export const quota: z.ZodObject<QuotaSettings, z.core.$strict> = z.strictObject({
  contact: text(
    'Ask your gateway admin for more quota',
    'What a member whose quota is spent should do; the refusal ends with it; Codex shows it and goes on with ", or try again at …"',
    'a short sentence on one line without a final dot, such as "Ask your gateway admin for more quota"',
    // It travels in a header.
    (value) => /^[\x20-\x7e]{1,200}$/.test(value) && !value.trimEnd().endsWith('.') && value.trim() === value,
  ),
  window: choice(
    ['anchored', 'rolling'],
    'When spend is forgiven: an `anchored` window opens with the first call after the last one ended, and resets as a whole; a `rolling` one is always the time before now',
  ),
  daily: credits(0, 'Credits per 24 hours for members without a daily quota of their own (0 = no such window)'),
  monthly: credits(0, 'Credits per 30 days for members without a monthly quota of their own (0 = no such window)'),
  enforcement: choice(
    ['hard', 'shadow'],
    'What becomes of a call whose member has spent a quota: `hard` refuses it; `shadow` lets it pass and writes down that it would have been refused',
  ),
  warn_at: percents(
    [50, 80, 95],
    'Percent of a limit that are told of when a member reaches them, once in each window: a line in the log, the webhook, and a metric',
  ),
  webhook_url: secret(
    'Where warnings are posted to, as JSON; when empty, nowhere (docs/webhook.md)',
    'empty, or an http:// or https:// URL without user and password, such as "https://chat.example.com/hooks/codex"',
    isWebhookUrl,
  ),
  webhook_secret: secret(
    'What the webhook is signed with; better in the environment than in the file',
    '16 to 256 visible characters',
    (value) => value === '' || /^[\x21-\x7e]{16,256}$/.test(value),
  ),
})

/** Its path and its query may hold a token: it is a secret as a whole. */
function isWebhookUrl(value: string): boolean {
  if (value === '') return true
  const url = URL.parse(value)
  if (!url || value.length > 2048 || !['http:', 'https:'].includes(url.protocol)) return false
  return url.username === '' && url.password === '' && url.hash === ''
}

/** The same in the gateway's own form. */
export function quotaOf(values: z.infer<typeof quota>): SettledConfig['quota'] {
  return {
    contact: values.contact,
    window: values.window,
    daily: nanoCredits(values.daily),
    monthly: nanoCredits(values.monthly),
    enforcement: values.enforcement,
    warnAt: values.warn_at.toSorted((one, other) => one - other),
    webhookUrl: values.webhook_url,
    webhookSecret: values.webhook_secret,
  }
}
