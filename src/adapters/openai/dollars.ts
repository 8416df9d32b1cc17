const TRILLIONTHS = 12

/**
 * An amount of money in trillionths, out of the text of a JSON number or of a string: OpenAI states 34 digits, and zero
 * as `0E-6176`. What is smaller than a trillionth is cut off. Undefined for what is no amount.
 */
export function trillionthsOf(text: string): bigint | undefined {
  const match = /^(-?)(\d{1,15})(?:\.(\d{1,60}))?(?:[eE]([+-]?\d{1,5}))?$/.exec(text)
  if (!match) return undefined
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match
  const digits = whole + fraction
  if (/^0*$/.test(digits)) return 0n
  const shift = TRILLIONTHS + Number(exponent) - fraction.length
  if (shift > TRILLIONTHS + 15) return undefined
  const amount = shift >= 0 ? BigInt(digits) * 10n ** BigInt(shift) : BigInt(digits.slice(0, shift) || '0')
  return sign === '-' ? -amount : amount
}
