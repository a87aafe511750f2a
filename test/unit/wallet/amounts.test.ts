import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { amountFault, formatAmount, parseAmount, readDigits } from '../../../demo/wallet/amounts.ts'

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
    ['\u00a01\u202f234\u2009567.89\t\n', 2, 123_456_789n],
    ['1’234’567.89', 2, 123_456_789n],
    ["12'000", 0, 12_000n],
    ['007', 0, 7n],
    ['0', 0, 0n],
    ['1'.repeat(18), 0, 111_111_111_111_111_111n],
  ])('%s with %s decimals is %s', (text, decimals, amount) => {
    expect(parseAmount(text, decimals)).toBe(amount)
  })
})

test.each([
  ['', 2, 'Type a number, such as 12.50'],
  ['  ', 0, 'Type a number, such as 12'],
  ['-5', 2, 'Without a minus, such as 12.50'],
  ['−5', 0, 'Without a minus, such as 12'],
  ['12.345', 2, 'At most 2 digits behind the point. If you mean 12345, leave out the “.”'],
  ['1,000', 0, 'Whole numbers only. If you mean 1000, leave out the “,”'],
  ['1.2345', 2, 'At most 2 digits behind the point, such as 12.50'],
  ['1.25', 1, 'At most one digit behind the point, such as 12.5'],
  ['1.5', 0, 'Whole numbers only, such as 12'],
  ['.5', 2, 'Digits on both sides of the point, such as 12.50'],
  ['5,', 2, 'Digits on both sides of the point, such as 12.50'],
  ['.', 2, 'Digits on both sides of the point, such as 12.50'],
  ['1,000.50', 2, 'Leave out the marks between thousands, such as 1000.50'],
  ['1.000.000', 0, 'Leave out the marks between thousands, such as 1000'],
  ['1'.repeat(19), 0, 'That is more than these books can hold'],
  ['1'.repeat(17), 2, 'That is more than these books can hold'],
  [`${'1'.repeat(17)}.50`, 2, 'That is more than these books can hold'],
  ['much', 2, 'Only digits 0 to 9 and one point or comma, such as 12.50'],
  ['12 EUR', 0, 'Only digits 0 to 9, such as 12'],
  ['١٢', 2, 'Only digits 0 to 9 and one point or comma, such as 12.50'],
  ['1.2.3', 2, 'Only digits 0 to 9 and one point or comma, such as 12.50'],
])('whoever types %j with %d decimals is told: %s', (text, decimals, told) => {
  expect(parseAmount(text, decimals)).toBeNull()
  expect(amountFault(text, decimals)).toBe(told)
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
