/** Composition root, continued: where warnings go, and how long they are kept. */
import { Webhook } from './adapters/webhook/webhook.ts'
import type { Config } from './config-shape.ts'
import type { Alerts, Log, Outbox } from './ports.ts'

/** To the webhook, where there is one. What was delivered or given up is taken out of the outbox. */
export function alertsOn(
  outbox: Outbox,
  { quota: { webhookUrl: url, webhookSecret: secret } }: Config,
  log: Log,
): Alerts & AsyncDisposable {
  const webhook = url === '' ? undefined : new Webhook({ url, secret, log })
  const over = (event: string): void => {
    // It stays in the outbox, and is told once more when the gateway starts again.
    outbox.crossOff(event).catch((cause: unknown) => {
      log.warn('warning not crossed off', { event, cause: String(cause) })
    })
  }
  return {
    send(event, facts) {
      if (webhook) webhook.send(event, facts, () => over(event.id))
      else over(event.id)
    },
    async [Symbol.asyncDispose]() {
      await webhook?.[Symbol.asyncDispose]()
    },
  }
}
