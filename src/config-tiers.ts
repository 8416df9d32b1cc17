/** Factors on the credits of service tiers, as published for Codex: a model's own factor wins over the tier's. */
export const TIERS: Readonly<Record<string, number>> = {
  priority: 2,
  fast: 2,
  flex: 0.5,
  batch: 0.5,
  ultrafast: 6,
  'gpt-5.5/priority': 2.5,
  'gpt-5.5/fast': 2.5,
}
