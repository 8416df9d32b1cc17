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
  /** Until the outbox has them no more. */
  const sent = new Set<string>()
  const over = (event: string): void => {
    outbox.crossOff(event).then(
      // What was read before that came with it, and may be on its way from there.
      () => setImmediate(() => sent.delete(event)),
      // It stays in the outbox, and is told once more when the gateway starts again.
      (cause: unknown) => log.warn('warning not crossed off', { event, cause: String(cause) }),
    )
  }
  return {
    hasSent: (id) => sent.has(id),
    send(event, facts) {
      sent.add(event.id)
      if (webhook) webhook.send(event, facts, () => over(event.id))
      else over(event.id)
    },
    async [Symbol.asyncDispose]() {
      await webhook?.[Symbol.asyncDispose]()
    },
  }
}
