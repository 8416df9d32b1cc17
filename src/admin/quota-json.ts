/** The JSON of `admin quota`, as docs/json.md describes it. */
import { exactCredits as credits } from '../core/exact-json.ts'
import { runsOutAt } from '../core/pace.ts'
import { leftIn, usedPercent } from '../core/limits.ts'
import type { QuotaAdjustment, QuotaView, WindowView } from '../ports.ts'
import { time } from './json-form.ts'

export function quotaJson(view: QuotaView): object {
  return {
    member: view.member,
    windows: view.windows.map((window) => windowJson(window, view.at)),
    adjustments: view.adjustments.map(adjustmentJson),
  }
}

function windowJson(window: WindowView, at: number): object {
  const limited = window.limit > 0n
  return {
    window: window.name,
    rolling: window.rolling ?? false,
    limit: limited ? credits(window.limit) : null,
    granted: credits(window.granted),
    used: credits(window.settled),
    held: credits(window.held),
    left: limited ? credits(leftIn(window)) : null,
    used_percent: limited ? usedPercent(window) : null,
    opened_at: time(window.openedAt),
    resets_at: time(window.resetsAt),
    runs_out_at: time(runsOutAt(window, at)),
  }
}

export function adjustmentJson(made: QuotaAdjustment): object {
  return {
    at: time(made.at),
    kind: made.kind,
    window: made.window,
    credits: credits(made.credits),
    until: time(made.until),
    who: made.who,
    why: made.why ?? null,
  }
}
