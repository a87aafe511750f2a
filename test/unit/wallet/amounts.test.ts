import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { formatAmount, parseAmount, readDigits } from '../../../demo/wallet/amounts.ts'

describe('what somebody types', () => {
  test.each([
    ['', 2],
    ['.', 2],
    ['-1', 2],
    ['+1', 2],
    ['1e3', 2],
    ['1.234', 2],
    ['1,000.50', 2],
    ['1.5', 0],
    ['.5', 2],
    ['5.', 2],
    ['0x10', 0],
    ['١', 0],
    ['1'.repeat(19), 0],
    ['1'.repeat(17), 2],
  ])('%j with %d decimals is no amount', (text, decimals) => {
    expect(parseAmount(text, decimals)).toBeNull()
  })

  test.each([
    ['5', 2, 500n],
    ['5.5', 2, 550n],
    ['0,05', 2, 5n],
    [' 1 234 567,89 ', 2, 123_456_789n],
    ['007', 0, 7n],
    ['0', 0, 0n],
    ['1'.repeat(18), 0, 111_111_111_111_111_111n],
  ])('%s with %s decimals is %s', (text, decimals, amount) => {
    expect(parseAmount(text, decimals)).toBe(amount)
  })
})

test.each([
  [0n, 0, '0'],
  [5n, 2, '0.05'],
  [-5n, 2, '−0.05'],
  [123_456_789n, 2, '1,234,567.89'],
  [999_999_999_999_999_999n, 6, '999,999,999,999.999999'],
  [-1200n, 2, '−12.00'],
])('%s with %s decimals is shown as %s', (amount, decimals, text) => {
  expect(formatAmount(amount, decimals, 'en')).toBe(text)
})

test.each(['ar-EG', 'fa', 'mr', 'de-CH'])('in %s, the digits are of one kind', (locale) => {
  expect(formatAmount(1234567n, 2, locale)).toMatch(/^12.345[.,٫]67$/u)
})

test('what is shown can be typed again', () => {
  const amounts = fc.bigInt({ min: 0n, max: 999_999_999_999n })
  fc.assert(
    fc.property(amounts, fc.integer({ min: 0, max: 6 }), (amount, decimals) => {
      const shown = formatAmount(amount, decimals, 'en').replaceAll(',', '')
      expect(parseAmount(shown, decimals)).toBe(amount)
    }),
  )
})

test.each(['', '00', '01', '-1', '1.0', ' 1', '1'.repeat(19), 5, 5n, null])(
  '%s is not digits that are signed',
  (value) => {
    expect(readDigits(value)).toBeNull()
  },
)
