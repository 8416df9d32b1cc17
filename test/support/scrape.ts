/** Reads Prometheus's text format. */

/** The samples of one metric, by their labels as they stand: `member="alice",window="5h"`. */
export function samples(text: string, metric: string): Record<string, number> {
  const found: Record<string, number> = {}
  for (const [, name, labels = '', value] of text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)) {
    if (name === metric) found[labels] = Number(value)
  }
  return found
}
