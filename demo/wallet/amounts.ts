/** Amounts: integers in the smallest unit. As text with the unit's decimals for people, in plain digits for what is signed. */

import { maxAmountDigits } from './wallet-limits.ts'

const digits = new RegExp(`^(0|[1-9]\\d{0,${maxAmountDigits - 1}})$`)

/** From plain digits, as in what is signed. */
export const readDigits = (value: unknown): bigint | null =>
  typeof value === 'string' && digits.test(value) ? BigInt(value) : null

/**
 * From what somebody typed: digits, with spaces between them, and at most that many behind a point or a comma. Null for anything else,
 * such as `1,000.50` or `1.000` where there are two decimals: better to ask than to guess.
 */
export function parseAmount(text: string, decimals: number): bigint | null {
  const match = /^(\d+)(?:[.,](\d+))?$/.exec(text.replace(/[\s\u00a0\u202f]/g, ''))
  if (!match) return null
  const [, whole = '', fraction = ''] = match
  if (fraction.length > decimals) return null
  return readDigits((whole + fraction.padEnd(decimals, '0')).replace(/^0+(?=\d)/, ''))
}

/** One set of digits on both sides of the point. */
const numberingSystem = 'latn'

/** `1234567` with two decimals as `12,345.67`, in the reader's own way. */
export function formatAmount(amount: bigint, decimals: number, locale?: string): string {
  const size = amount < 0n ? -amount : amount
  const text = String(size).padStart(decimals + 1, '0')
  const whole = BigInt(text.slice(0, text.length - decimals))
  const shown = new Intl.NumberFormat(locale, { numberingSystem }).format(whole)
  const sign = amount < 0n ? '−' : ''
  if (decimals === 0) return sign + shown
  const parts = new Intl.NumberFormat(locale, {
    numberingSystem,
    minimumFractionDigits: 1,
  }).formatToParts(0.5)
  const point = parts.find(({ type }) => type === 'decimal')?.value ?? '.'
  return sign + shown + point + text.slice(-decimals)
}
