/** Amounts: integers in the smallest unit. As text with the unit's decimals for people, in plain digits for what is signed. */

import { maxAmountDigits } from './wallet-limits.ts'

const digits = new RegExp(`^(0|[1-9]\\d{0,${maxAmountDigits - 1}})$`)

/** From plain digits, as in what is signed. */
export const readDigits = (value: unknown): bigint | null =>
  typeof value === 'string' && digits.test(value) ? BigInt(value) : null

/** Spaces, also narrow ones, and the marks that Swiss put between thousands: never a decimal point. */
const gaps = /[\s'’]/g

/**
 * From what somebody typed: digits, with spaces between them, and at most that many behind a point or a comma. Null for anything else,
 * such as `1,000.50` or `1.000` where there are two decimals: better to ask than to guess.
 */
export function parseAmount(text: string, decimals: number): bigint | null {
  const match = /^(\d+)(?:[.,](\d+))?$/.exec(text.replace(gaps, ''))
  if (!match) return null
  const [, whole = '', fraction = ''] = match
  if (fraction.length > decimals) return null
  return readDigits((whole + fraction.padEnd(decimals, '0')).replace(/^0+(?=\d)/, ''))
}

/** What somebody could type instead of what is no amount. */
export function amountFault(text: string, decimals: number): string {
  const typed = text.replace(gaps, '')
  const behindPoint = decimals === 0 ? '' : `.5${'0'.repeat(decimals - 1)}`
  const suchAs = `such as 12${behindPoint}`
  if (typed === '') return `Type a number, ${suchAs}`
  if (/^[-−–]/.test(typed)) return `Without a minus, ${suchAs}`
  if (/^\d+(?:[.,]\d{3}){2,}$|^\d+(?:[.,]\d{3})+[.,]\d*$/.test(typed)) {
    return `Leave out the marks between thousands, such as 1000${behindPoint}`
  }
  const [, whole, mark, behind = ''] = /^(\d*)([.,]?)(\d*)$/.exec(typed) ?? []
  if (whole === undefined) {
    return `Only digits 0 to 9${decimals === 0 ? '' : ' and one point or comma'}, ${suchAs}`
  }
  if (behind.length === 3 && decimals < 3 && whole !== '') {
    const atMost =
      decimals === 0 ? 'Whole numbers only' : `At most ${digitsIn(decimals)} behind the point`
    return `${atMost}. If you mean ${whole}${behind}, leave out the “${mark}”`
  }
  if (mark && decimals === 0) return `Whole numbers only, ${suchAs}`
  if (whole === '' || (mark && behind === '')) return `Digits on both sides of the point, ${suchAs}`
  if (behind.length > decimals) return `At most ${digitsIn(decimals)} behind the point, ${suchAs}`
  return 'That is more than these books can hold'
}

const digitsIn = (decimals: number) => (decimals === 1 ? 'one digit' : `${decimals} digits`)

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
