import { describe, expect, test } from 'vitest'
import { Checker } from '../../../lib/sim/checker.ts'

interface How {
  run?: number
  id?: string
  redelivered?: boolean
  commit?: 'batch' | 'each'
}

/** Five messages, of which those not in `unaccepted` were accepted. */
function flow(...unaccepted: number[]) {
  const checker = new Checker()
  const sent = [0, 1, 2, 3, 4].map((number) => {
    const each = checker.send('a', 'b')
    if (!unaccepted.includes(number)) each.accepted(`log.${number}`)
    return each
  })
  const hand = (number: number, how: How = {}) => {
    const { run = 1, id = `log.${number}`, redelivered = false, commit = 'batch' } = how
    const { message } = sent[number]!
    return checker.hand({ from: 'a', to: 'b', run, commit, message, id, redelivered })
  }
  const tell = (number: number) => checker.delivered('a', 'b', `log.${number}`)
  return { checker, hand, sent, tell }
}

describe('the checker', () => {
  test('is content with messages in order', () => {
    const { checker, hand, sent, tell } = flow()
    for (const number of [0, 1, 2, 3, 4]) {
      hand(number)()
      sent[number]!.delivered()
      tell(number)
    }
    checker.finish()
    expect([checker.violations, checker.waiting, checker.handled]).toEqual([[], 0, 5])
  })

  test.each([
    ['a message twice', [0, 0]],
    ['one before its turn', [1, 0]],
    ['one left out', [0, 2]],
  ])('sees %s', (_, numbers) => {
    const { checker, hand } = flow()
    for (const number of numbers) hand(number)()
    expect(checker.violations).not.toEqual([])
  })

  test('sees what was never sent, and what was changed', () => {
    const { checker, sent } = flow()
    const { message } = sent[0]!
    const info = { from: 'a', to: 'b', run: 1, id: 'x', redelivered: false }
    checker.hand({ ...info, message: 'anything' })
    checker.hand({ ...info, message: `${message}x` })
    checker.hand({ ...info, from: 'c', message })
    expect(checker.violations).toHaveLength(3)
  })

  test('allows a message again after its handler threw, marked, under the same id alone', () => {
    const { checker, hand } = flow()
    hand(0)
    hand(0, { redelivered: true })()
    hand(1)()
    expect(checker.violations).toEqual([])
    hand(2)
    hand(2)()
    expect(checker.violations.splice(0)).toHaveLength(1)
    hand(3)
    hand(3, { redelivered: true, id: 'other' })()
    expect(checker.violations).toHaveLength(1)
  })

  test('sees another message while a handler is at work, and an id given twice', () => {
    const { checker, hand } = flow()
    hand(0)
    hand(1)
    expect(checker.violations.splice(0)).toHaveLength(1)
    hand(2, { id: 'log.0' })
    expect(checker.violations.join()).toContain('the id of another')
  })

  test('allows messages again after their receiver crashed, in order', () => {
    const { checker, hand } = flow()
    for (const number of [0, 1, 2]) hand(number)()
    for (const number of [1, 2]) hand(number, { run: 2, redelivered: true })()
    hand(3, { run: 2 })()
    expect([checker.violations, checker.redelivered, checker.handled]).toEqual([[], 2, 4])
    hand(1, { run: 3, redelivered: true })()
    hand(3, { run: 3, redelivered: true })()
    expect(checker.violations).toHaveLength(1)
  })

  test('sees what comes again though the sender was told that it was handled', () => {
    const { checker, hand, tell } = flow()
    for (const number of [0, 1, 2]) hand(number)()
    tell(1)
    hand(2, { run: 2, redelivered: true })()
    expect(checker.violations).toEqual([])
    hand(1, { run: 3, redelivered: true })()
    expect(checker.violations).toHaveLength(1)
  })

  test('allows one message alone again where each position is stored before the next', () => {
    const { checker, hand } = flow()
    for (const number of [0, 1, 2]) hand(number, { commit: 'each' })()
    hand(2, { run: 2, redelivered: true, commit: 'each' })()
    expect(checker.violations).toEqual([])
    hand(1, { run: 3, redelivered: true, commit: 'each' })()
    expect(checker.violations).toHaveLength(1)
  })

  test('lets a crash take what was never accepted, but not bring it out of turn', () => {
    const { checker, hand, sent } = flow(1, 2)
    for (const number of [0, 2, 3, 4]) hand(number)()
    checker.finish()
    expect(checker.violations).toEqual([])
    hand(1, { run: 2 })()
    expect(checker.violations.splice(0)).toHaveLength(1)
    sent[1]!.accepted('log.1')
    expect(checker.violations).toHaveLength(1)
  })

  test('misses a message that was accepted', () => {
    const { checker, hand } = flow()
    hand(0)()
    checker.finish()
    expect(checker.violations).toEqual(['a>b#1,2,3,4 never came'])
    expect(checker.waiting).toBe(4)
  })

  test('sees a delivery that no handler knows of', () => {
    const { checker, hand, sent, tell } = flow()
    hand(0)
    sent[0]!.delivered()
    tell(0)
    tell(0)
    tell(1)
    checker.delivered('a', 'b', 'log.7')
    expect(checker.violations).toHaveLength(4)
  })
})
