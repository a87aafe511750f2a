import { expect, test, vi } from 'vitest'
import { HandfastError } from '../../../lib/base/errors.ts'
import { CombinedSignaling } from '../../../lib/signaling/combined.ts'
import { Mailboxes } from '../../../lib/signaling/mailboxes.ts'
import { systemRuntime as runtime } from '../../../lib/base/runtime.ts'
import type { Signaling } from '../../../lib/signaling/signaling.ts'
import { packetFor } from '../../conformance/signaling.ts'

const tag = new Uint8Array(16).fill(5)
const packet = packetFor(tag, 1)
const unavailable = () => new HandfastError('signaling-unavailable', 'down')

/** A path that answers each publish with `answer` and delivers on command. */
class FakePath implements Signaling {
  readonly mailboxes = new Mailboxes()
  readonly #answer: () => Promise<number>
  published = 0
  closed = false

  constructor(answer: () => Promise<number>) {
    this.#answer = answer
  }
  subscribe(at: Uint8Array, listener: (packet: Uint8Array) => void) {
    return this.mailboxes.subscribe(at, listener)
  }
  publish(): Promise<number> {
    this.published++
    return this.#answer()
  }
  async close() {
    this.closed = true
  }
}

const fakePath = (answer: () => Promise<number>) => new FakePath(answer)
const never = () => new Promise<number>(() => {})
const fails = () => Promise.reject(unavailable())
const throwing: Signaling = {
  subscribe() {
    throw new HandfastError('queue-full', 'full')
  },
  publish() {
    throw unavailable()
  },
  close: async () => {},
}

test('resolves with the first useful answer, waiting for no one else', async () => {
  const paths = [fakePath(never), fakePath(async () => 0), fakePath(async () => 2), fakePath(fails)]
  expect(await new CombinedSignaling({ runtime }, paths).publish(tag, packet)).toBe(2)
  expect(paths.map(({ published }) => published)).toEqual([1, 1, 1, 1])
})

test('waits for a slower path when the faster one reached nobody', async () => {
  let answer = (_receivers: number): void => {}
  const slow = fakePath(() => new Promise((resolve) => (answer = resolve)))
  const publishing = new CombinedSignaling({ runtime }, [fakePath(async () => 0), slow]).publish(
    tag,
    packet,
  )
  await Promise.resolve()
  answer(1)
  expect(await publishing).toBe(1)
})

test('resolves with 0 when a path took it and nobody was there', async () => {
  const combined = new CombinedSignaling({ runtime }, [
    fakePath(fails),
    fakePath(async () => 0),
    throwing,
  ])
  expect(await combined.publish(tag, packet)).toBe(0)
})

test('fails when every path failed, and when there is none', async () => {
  const failing = new CombinedSignaling({ runtime }, [fakePath(fails), throwing])
  await expect(failing.publish(tag, packet)).rejects.toMatchObject({
    code: 'signaling-unavailable',
  })
  await expect(new CombinedSignaling({ runtime }).publish(tag, packet)).rejects.toMatchObject({
    code: 'signaling-unavailable',
  })
})

test('listens on every path, also on those added later, until they are removed', () => {
  const [early, late] = [fakePath(never), fakePath(never)]
  const combined = new CombinedSignaling({ runtime }, [early])
  const listener = vi.fn()
  const leave = combined.subscribe(tag, listener)
  combined.add(late)
  combined.add(late)
  early.mailboxes.deliver(tag, packet)
  late.mailboxes.deliver(tag, packet)
  expect(listener).toHaveBeenCalledTimes(2)
  combined.remove(early)
  expect(early.mailboxes.size).toBe(0)
  early.mailboxes.deliver(tag, packet)
  expect(listener).toHaveBeenCalledTimes(2)
  leave()
  expect(late.mailboxes.size).toBe(0)
  expect(combined.paths).toEqual([late])
})

test('a path that refuses a subscription disturbs no other', () => {
  const path = fakePath(never)
  const combined = new CombinedSignaling({ runtime }, [throwing, path])
  const listener = vi.fn()
  combined.subscribe(tag, listener)
  path.mailboxes.deliver(tag, packet)
  expect(listener).toHaveBeenCalledOnce()
})

test('a subscription that every path refuses is refused, and leaves nothing behind', () => {
  const combined = new CombinedSignaling({ runtime }, [throwing])
  expect(() => combined.subscribe(tag, () => {})).toThrow(
    expect.objectContaining({ code: 'queue-full' }),
  )
  const path = fakePath(never)
  combined.add(path)
  expect(path.mailboxes.size).toBe(0)
})

test('closing leaves every path and closes none', async () => {
  const path = fakePath(never)
  const combined = new CombinedSignaling({ runtime }, [path])
  combined.subscribe(tag, () => expect.unreachable())
  await combined.close()
  await combined.close()
  expect(path.closed).toBe(false)
  expect(path.mailboxes.size).toBe(0)
  expect(() => combined.add(path)).toThrow(expect.objectContaining({ code: 'closed' }))
})

test('a listener that throws is reported and stops nobody else', () => {
  const reported = vi.fn()
  vi.stubGlobal('reportError', reported)
  try {
    const path = fakePath(never)
    const combined = new CombinedSignaling({ runtime }, [path])
    const listener = vi.fn()
    combined.subscribe(tag, () => {
      throw new Error('bug')
    })
    combined.subscribe(tag, listener)
    path.mailboxes.deliver(tag, packet)
    expect(listener).toHaveBeenCalledOnce()
    expect(reported).toHaveBeenCalledOnce()
  } finally {
    vi.unstubAllGlobals()
  }
})
