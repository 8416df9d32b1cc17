/** A model id without the date of its snapshot: `gpt-5.5-2026-04-23` is `gpt-5.5`. */
export function undated(model: string): string {
  return model.replace(/-\d{4}-\d{2}-\d{2}$/, '')
}

/** Whether a list of models (undefined = all) has the model, or the model of which it is a dated snapshot. */
export function serves(models: readonly string[] | undefined, model: string | undefined): boolean {
  if (models === undefined) return true
  return model !== undefined && (models.includes(model) || models.includes(undated(model)))
}
