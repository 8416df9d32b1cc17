/**
 * Whether a key as OpenAI lists it, with its middle left out (`sk-proj-***…***abcd`, `sk-abc...def`), is this secret.
 *
 * Its end tells keys apart: of 16 million pairs of keys one shares its last four characters. Without at least three of
 * them nothing is said.
 */
export function isShownAs(secret: string, redacted: string): boolean {
  const match = /^(?<head>[^*.…]*)(?:\*+|\.{3,}|…)(?<end>[^*.…]{3,})$/.exec(redacted)
  const { head = '', end = '' } = match?.groups ?? {}
  return match !== null && secret.length >= head.length + end.length && secret.startsWith(head) && secret.endsWith(end)
}
