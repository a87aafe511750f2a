import { describe, expect, test } from 'vitest'
import { Checker } from '../../../lib/sim/checker.ts'

function flow(durable: boolean) {
  const checker = new Checker({ durable })
  const messages = Array.from({ length: 4 }, () => {
    const { message, accepted } = checker.send('a', 'b')
    accepted()
    return message
  })
  const hand = (number: number, { run = 1, id = `log.${number}` } = {}) =>
    checker.hand({ from: 'a', to: 'b', run, message: messages[number], id })
  return { checker, hand, messages }
}

const broken = {
  'a message twice': [0, 0],
  'one before its turn': [1, 0],
  'one left out': [0, 2],
}

describe('the checker', () => {
  test('is content with messages in order', () => {
    const { checker, hand } = flow(true)
    for (const number of [0, 1, 2, 3]) hand(number)()
    checker.finish()
    expect([checker.violations, checker.waiting, checker.handled]).toEqual([[], 0, 4])
  })

  test.each(Object.entries(broken))('sees %s', (_, numbers) => {
    const { checker, hand } = flow(true)
    for (const number of numbers) hand(number)()
    expect(checker.violations).not.toEqual([])
  })

  test('sees what was never sent, and what was changed', () => {
    const { checker, messages } = flow(true)
    const info = { from: 'a', to: 'b', run: 1, id: 'x' }
    checker.hand({ ...info, message: 'anything' })
    checker.hand({ ...info, message: `${messages[0]}x` })
    checker.hand({ ...info, from: 'c', message: messages[0] })
    expect(checker.violations).toHaveLength(3)
  })

  test('allows a message again after its handler threw, under the same id alone', () => {
    const { checker, hand } = flow(true)
    hand(0)
    hand(0)()
    hand(1)()
    expect(checker.violations).toEqual([])
    hand(2)
    hand(2, { id: 'other' })()
    expect(checker.violations).toHaveLength(1)
  })

  test('allows a message again after its receiver crashed', () => {
    const { checker, hand } = flow(true)
    hand(0)()
    hand(1)()
    hand(1, { run: 2 })()
    hand(2, { run: 2 })()
    expect(checker.violations).toEqual([])
    hand(1, { run: 2 })()
    expect(checker.violations).toHaveLength(1)
  })

  test('misses a message that a crash has lost where messages are durable, and only there', () => {
    for (const durable of [true, false]) {
      const { checker, hand } = flow(durable)
      hand(0)()
      hand(3)()
      checker.finish()
      expect(checker.violations.length > 0).toBe(durable)
    }
  })

  test('sees a delivery that no handler knows of', () => {
    const { checker, hand } = flow(true)
    hand(0)
    checker.delivered('a', 'b', 0)
    expect(checker.violations).toHaveLength(1)
  })
})
