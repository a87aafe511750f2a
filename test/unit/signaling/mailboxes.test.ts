import { expect, test, vi } from 'vitest'
import { Mailboxes } from '../../../lib/signaling/mailboxes.ts'

const tag = new Uint8Array(16).fill(5)
const packet = Uint8Array.of(1)

test('tells of the first listener of a tag and of the last one leaving', () => {
  const onChange = vi.fn()
  const mailboxes = new Mailboxes(onChange)
  const borrowed = tag.slice()
  const leave = [mailboxes.subscribe(borrowed, () => {}), mailboxes.subscribe(tag, () => {})]
  borrowed.fill(0)
  for (const one of leave) one()
  for (const one of leave) one()
  expect(onChange.mock.calls).toEqual([
    [tag, true],
    [tag, false],
  ])
  expect(mailboxes.size).toBe(0)
})

test('a listener that leaves during a delivery is not called any more; one that joins waits for the next', () => {
  const mailboxes = new Mailboxes()
  const [second, joining] = [vi.fn(), vi.fn()]
  mailboxes.subscribe(tag, () => {
    leave()
    mailboxes.subscribe(tag, joining)
  })
  const leave = mailboxes.subscribe(tag, second)
  expect(mailboxes.deliver(tag, packet)).toBe(true)
  expect(second).not.toHaveBeenCalled()
  expect(joining).not.toHaveBeenCalled()
})

test('closing during a delivery ends it', () => {
  const mailboxes = new Mailboxes()
  const second = vi.fn()
  mailboxes.subscribe(tag, () => mailboxes.close())
  const leave = mailboxes.subscribe(tag, second)
  mailboxes.deliver(tag, packet)
  expect(second).not.toHaveBeenCalled()
  expect(mailboxes.deliver(tag, packet)).toBe(false)
  leave()
})

test('a subscription that its path refuses leaves nothing behind', () => {
  const mailboxes = new Mailboxes(() => {
    throw new Error('refused')
  })
  expect(() => mailboxes.subscribe(tag, () => {})).toThrow('refused')
  expect(mailboxes.size).toBe(0)
  expect(mailboxes.deliver(tag, packet)).toBe(false)
})
