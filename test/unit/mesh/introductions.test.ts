/** What a contact does for signaling between its contacts, record by record. */

import { describe, expect, test } from 'vitest'
import {
  introductionBurst,
  introductionsPerS,
  maxFrameBytes,
  maxIntroducers,
  maxPacketBytes,
  maxSubscribedTags,
  maxTagsPerRelayMessage,
  maxWaitingSignalBytes,
} from '../../../lib/base/limits.ts'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import { decode, decodeSequence, encode, type CborValue } from '../../../lib/codec/cbor.ts'
import * as recordKinds from '../../../lib/codec/record-kinds.ts'
import type { Record } from '../../../lib/codec/records.ts'
import type { PeerId } from '../../../lib/identity/peer-id.ts'
import { Calls } from '../../../lib/link/calls.ts'
import { Introducer, signalVerbs } from '../../../lib/mesh/introducer.ts'
import { Introductions } from '../../../lib/mesh/introductions.ts'
import { FrameWriter } from '../../../lib/session/frame-writer.ts'
import type { Signaling } from '../../../lib/signaling/signaling.ts'
import { signalingChecks } from '../../conformance/signaling.ts'
import { virtualRuntime } from '../../support/virtual-runtime.ts'

const { subscribe, unsubscribe, publish, deliver } = signalVerbs
const kind = recordKinds.signal
const tagOf = (n: number) => new Uint8Array(16).fill(n)
const [tag, packet] = [tagOf(1), Uint8Array.of(1, 2, 3)]
const settle = () => new Promise((resolve) => setImmediate(resolve))
const copy = (record: CborValue[]) => decode(encode(record)) as unknown as Record

/** Carol, and what her contacts say to her and hear. */
function around() {
  const runtime = virtualRuntime()
  const called: string[] = []
  const carol = new Introductions({ runtime, call: (peer) => called.push(peer) })
  const join = (name: string) => {
    const heard: Record[] = []
    const part = carol.session(name as PeerId, (record) => heard.push(copy(record)))
    part.begin()
    const say = (...fields: CborValue[]) => part.take(copy([kind, ...fields]))
    return { heard, say, part }
  }
  return { runtime, called, carol, join }
}

function aliceAndBob() {
  const all = around()
  const [alice, bob] = [all.join('alice'), all.join('bob')]
  bob.say(subscribe, [tag])
  return { ...all, alice, bob }
}

const delivered = [kind, deliver, tag, packet]

describe('breaks the session', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, n) => Uint8Array.of(n >> 8, n & 255, ...new Uint8Array(14)))
  test.each<[string, CborValue[]]>([
    ['no verb', []],
    ['an unknown verb', [4, [tag]]],
    ['a verb that is no number', ['0', [tag]]],
    ['no tags', [subscribe]],
    ['a tag in place of tags', [subscribe, tag]],
    ['a short tag', [subscribe, [tag.slice(1)]]],
    ['a long tag', [unsubscribe, [new Uint8Array(17)]]],
    ['a tag that is no bytes', [subscribe, ['0123456789abcdef']]],
    ['more than tags', [subscribe, [tag], 0]],
    ['too many tags in one record', [subscribe, many(maxTagsPerRelayMessage + 1)]],
    ['no packet', [publish, tag]],
    ['a packet that is no bytes', [publish, tag, 'packet']],
    ['an oversized packet', [publish, tag, new Uint8Array(maxPacketBytes + 1)]],
    ['an oversized delivery', [deliver, tag, new Uint8Array(maxPacketBytes + 1)]],
    ['a packet to a short tag', [publish, tag.slice(1), packet]],
    ['more than a packet', [deliver, tag, packet, 0]],
  ])('%s', (_, fields) => {
    const { alice, bob } = aliceAndBob()
    expect(() => alice.say(...fields)).toThrow(expect.objectContaining({ code: 'protocol' }))
    expect(bob.heard).toEqual([])
  })

  test('a tag too many', () => {
    const { alice } = aliceAndBob()
    const tags = many(maxSubscribedTags + 1)
    for (let n = 0; n < maxSubscribedTags; n += maxTagsPerRelayMessage) {
      alice.say(subscribe, tags.slice(n, n + maxTagsPerRelayMessage))
    }
    alice.say(subscribe, [tags[0]!])
    alice.say(unsubscribe, [tags[0]!])
    alice.say(subscribe, [tags.at(-1)!])
    expect(() => alice.say(subscribe, [tags[0]!])).toThrow()
  })
})

describe('a packet', () => {
  test('goes to whoever listens at its tag, and to nobody else', () => {
    const { alice, bob, join } = aliceAndBob()
    const dave = join('dave')
    dave.say(subscribe, [tagOf(2)])
    alice.say(publish, tag, packet)
    expect(bob.heard).toEqual([delivered])
    expect([...alice.heard, ...dave.heard]).toEqual([])
    bob.say(unsubscribe, [tag, tagOf(3)])
    alice.say(publish, tag, packet)
    expect(bob.heard).toHaveLength(1)
  })

  test('of any size goes on as it is', () => {
    const { alice, bob } = aliceAndBob()
    for (const size of [0, maxPacketBytes]) alice.say(publish, tag, new Uint8Array(size).fill(7))
    expect(bob.heard.map(([, , , bytes]) => (bytes as Uint8Array).length)).toEqual([
      0,
      maxPacketBytes,
    ])
  })

  test('never comes back to its sender, whichever of its sessions listens', () => {
    const { alice, join } = aliceAndBob()
    const again = join('alice')
    for (const { say } of [alice, again]) say(subscribe, [tag])
    alice.say(publish, tag, packet)
    expect([...alice.heard, ...again.heard]).toEqual([])
  })

  test('is not kept for those who come later', () => {
    const { alice, join } = aliceAndBob()
    alice.say(publish, tagOf(9), packet)
    const late = join('late')
    late.say(subscribe, [tagOf(9)])
    expect(late.heard).toEqual([])
  })

  test('that was handed on is not handed on again', () => {
    const { alice, bob } = aliceAndBob()
    alice.say(deliver, tag, packet)
    expect(bob.heard).toEqual([])
  })

  test('to be handed on is not for the one who is asked to', () => {
    const { carol, alice } = aliceAndBob()
    const received: Uint8Array[] = []
    carol.listen(tag, 'bob' as PeerId, (bytes) => received.push(bytes))
    alice.say(publish, tag, packet)
    expect(received).toEqual([])
    alice.say(deliver, tag, packet)
    alice.say(deliver, tagOf(5), packet)
    expect(received).toEqual([packet])
  })

  test('goes one hop, though all know each other', async () => {
    const names = ['a', 'b', 'c', 'd']
    let records = 0
    const all = new Map(
      names.map((name) => [name, new Introductions({ runtime: virtualRuntime(), call: () => {} })]),
    )
    type Part = ReturnType<Introductions['session']>
    const parts = new Map<string, Part>()
    for (const from of names) {
      for (const to of names) {
        if (from === to) continue
        const part = all.get(from)!.session(to as PeerId, (record) => {
          records++
          queueMicrotask(() => parts.get(`${to} ${from}`)!.take(copy(record)))
        })
        parts.set(`${from} ${to}`, part)
      }
    }
    for (const part of parts.values()) part.begin()
    let received = 0
    for (const introductions of all.values()) {
      introductions.listen(tag, 'nobody' as PeerId, () => received++)
    }
    await settle()
    records = 0
    parts.get('b a')!.take(copy([kind, publish, tag, packet]))
    await settle()
    // From b to c and d.
    expect({ records, received }).toEqual({ records: 2, received: 2 })
  })
})

describe('a flood', () => {
  const burst = Array.from({ length: 3 * introductionBurst })

  test('is dropped beyond what a contact may have handed on, also by another session', async () => {
    const { runtime, alice, bob, join } = aliceAndBob()
    for (const _ of burst) alice.say(publish, tag, packet)
    const again = join('alice')
    for (const _ of burst) again.say(publish, tag, packet)
    expect(bob.heard).toHaveLength(introductionBurst)
    const other = join('dave')
    other.say(publish, tag, packet)
    expect(bob.heard).toHaveLength(introductionBurst + 1)
    await runtime.advance(2000)
    for (const _ of burst) alice.say(publish, tag, packet)
    expect(bob.heard).toHaveLength(introductionBurst + 1 + 2 * introductionsPerS)
  })

  test('of one contact fills no mailbox', async () => {
    const { carol, alice, bob } = aliceAndBob()
    let received = 0
    carol.listen(tag, 'dave' as PeerId, () => received++)
    for (const _ of burst) alice.say(deliver, tag, packet)
    expect(received).toBe(introductionBurst)
    bob.say(deliver, tag, packet)
    expect(received).toBe(introductionBurst + 1)
  })
})

describe('a contact that does not read', () => {
  test('has packets for it dropped beyond a bound, and never a subscription', async () => {
    const calls = new Calls(
      new Map(),
      () => {},
      () => 0,
    )
    const { carol, join } = around()
    const slow = carol.session('bob' as PeerId, (...args) => calls.push(...args))
    slow.begin()
    slow.take(copy([kind, subscribe, [tag]]))
    const largest = new Uint8Array(maxPacketBytes)
    const senders = Array.from({ length: 5 }, (_, n) => join(`sender ${n}`))
    for (const { say } of senders) {
      for (let n = 0; n < introductionBurst; n++) say(publish, tag, largest)
    }
    carol.listen(tagOf(2), 'x' as PeerId, () => {})
    await settle()
    const writer = new FrameWriter(maxFrameBytes)
    const heard: Record[] = []
    let bytes = 0
    while (calls.pending) {
      writer.reset()
      calls.fill(writer)
      bytes += writer.plaintext.length
      heard.push(...(decodeSequence(writer.plaintext.slice()) as unknown as Record[]))
    }
    const subscriptions = heard.filter(([each, verb]) => each === kind && verb === subscribe)
    expect(subscriptions).toEqual([[kind, subscribe, [tagOf(2)]]])
    expect(bytes).toBeGreaterThan(maxWaitingSignalBytes)
    expect(bytes).toBeLessThan(maxWaitingSignalBytes + 2 * maxPacketBytes)
  })
})

describe('mailboxes', () => {
  const sorted = (heard: Record[]) =>
    heard.map(([, verb, tags]) => [verb, (tags as Uint8Array[]).map(([first]) => first)])

  test('are listened at through every contact but the one they are for', async () => {
    const { carol, join } = around()
    const alice = join('alice')
    const leave = carol.listen(tagOf(1), 'alice' as PeerId, () => {})
    carol.listen(tagOf(2), 'bob' as PeerId, () => {})
    const bob = join('bob')
    await settle()
    expect(sorted(alice.heard)).toEqual([[subscribe, [2]]])
    expect(sorted(bob.heard)).toEqual([[subscribe, [1]]])
    leave()
    await settle()
    expect(sorted(alice.heard)).toHaveLength(1)
    expect(sorted(bob.heard)).toEqual([
      [subscribe, [1]],
      [unsubscribe, [1]],
    ])
  })

  test('are listened at through so many contacts and no more; others take the place of those that leave', async () => {
    const { carol, join } = around()
    carol.listen(tag, 'nobody' as PeerId, () => {})
    const contacts = Array.from({ length: maxIntroducers + 2 }, (_, n) => join(`contact ${n}`))
    await settle()
    const hears = () => contacts.map(({ heard }) => heard.length > 0)
    expect(hears().filter(Boolean)).toHaveLength(maxIntroducers)
    expect(hears().slice(-2)).toEqual([false, false])
    contacts[3]!.part.close()
    await settle()
    expect(hears().slice(-2)).toEqual([true, false])
    contacts.at(-1)!.part.close()
    await settle()
    expect(hears().slice(-2)).toEqual([true, false])
  })

  test('nothing is said before the contact is proven, nor after the session', async () => {
    const { carol } = around()
    const heard: Record[] = []
    const part = carol.session('alice' as PeerId, (record) => heard.push(copy(record)))
    carol.listen(tag, 'bob' as PeerId, () => {})
    await settle()
    expect(heard).toEqual([])
    part.begin()
    part.close()
    part.close()
    carol.listen(tagOf(2), 'bob' as PeerId, () => {})
    await settle()
    expect(heard).toEqual([])
  })

  test('that are left are told before new ones: the number is bounded at every moment', async () => {
    const { carol, join } = around()
    const leave = carol.listen(tagOf(1), 'x' as PeerId, () => {})
    const { heard } = join('alice')
    await settle()
    carol.listen(tagOf(2), 'x' as PeerId, () => {})
    leave()
    await settle()
    expect(sorted(heard).slice(1)).toEqual([
      [unsubscribe, [1]],
      [subscribe, [2]],
    ])
  })

  test('go out in records of a bounded size', async () => {
    const { carol, join } = around()
    const count = 2 * maxTagsPerRelayMessage + 1
    for (let n = 0; n < count; n++) {
      carol.listen(Uint8Array.of(n >> 8, n & 255, ...new Uint8Array(14)), 'x' as PeerId, () => {})
    }
    const { heard } = join('alice')
    await settle()
    expect(heard.map(([, , tags]) => (tags as []).length)).toEqual([
      maxTagsPerRelayMessage,
      maxTagsPerRelayMessage,
      1,
    ])
  })
})

describe('a contact that', () => {
  test('has hung up is called once, for a tag of its own', () => {
    const { called, alice, bob } = aliceAndBob()
    bob.part.close()
    alice.say(publish, tagOf(2), packet)
    expect(called).toEqual([])
    for (let n = 0; n < 3; n++) alice.say(publish, tag, packet)
    expect(called).toEqual(['bob'])
    expect(bob.heard).toEqual([])
  })

  test('has another session is not called', () => {
    const { called, alice, bob, join } = aliceAndBob()
    const again = join('bob')
    again.say(subscribe, [tag])
    bob.part.close()
    alice.say(publish, tag, packet)
    expect(called).toEqual([])
    expect(again.heard).toEqual([delivered])
  })

  test('was forgotten is neither found nor called, and has nothing handed on', () => {
    const { carol, called, alice, bob, join } = aliceAndBob()
    carol.forget('bob' as PeerId)
    alice.say(publish, tag, packet)
    bob.part.close()
    alice.say(publish, tag, packet)
    expect(bob.heard).toEqual([])
    alice.say(subscribe, [tagOf(2)])
    bob.say(publish, tagOf(2), packet)
    expect(alice.heard).toEqual([])
    // Until it is a contact again.
    const again = join('bob')
    again.say(subscribe, [tag])
    alice.say(publish, tag, packet)
    expect(again.heard).toEqual([delivered])
    expect(called).toEqual([])
  })
})

describe('a call', () => {
  const replyTag = tagOf(7)

  function calling() {
    const all = around()
    const published: [by: string, tag: Uint8Array][] = []
    const route: Signaling = {
      subscribe: () => () => {},
      publish: async (to) => published.push(['route', to]),
      close: async () => {},
    }
    const detour = all.carol.detour(route, 'bob' as PeerId, tag)
    return { ...all, detour, published }
  }

  test('goes through others when it was in vain, never through the one it is for', async () => {
    const { runtime, detour, join, published } = calling()
    const [alice, bob] = [join('alice'), join('bob')]
    detour.subscribe(replyTag, () => {})
    for (const delayMs of [0, 1000, 1400]) {
      await runtime.advance(delayMs)
      await detour.publish(tag, packet)
    }
    expect(alice.heard).toEqual([])
    await runtime.advance(100)
    await detour.publish(tag, packet)
    await detour.publish(tag, packet)
    expect(alice.heard).toEqual([
      [kind, subscribe, [replyTag]],
      [kind, publish, tag, packet],
      [kind, publish, tag, packet],
    ])
    expect(bob.heard).toEqual([])
    expect(published).toHaveLength(5)
  })

  test('goes on through the one who brought the answer alone', async () => {
    const { runtime, detour, join } = calling()
    const [alice, dave] = [join('alice'), join('dave')]
    const answers: Uint8Array[] = []
    const leave = detour.subscribe(replyTag, (bytes) => answers.push(bytes))
    await runtime.advance(3000)
    await detour.publish(tag, packet)
    await detour.publish(tagOf(8), packet)
    dave.say(deliver, replyTag, packet)
    expect(answers).toEqual([packet])
    await detour.publish(tagOf(8), packet)
    expect(dave.heard.slice(2)).toEqual([[kind, publish, tagOf(8), packet]])
    expect(alice.heard).toHaveLength(2)
    leave()
    dave.say(deliver, replyTag, packet)
    await settle()
    expect(answers).toHaveLength(1)
    expect(alice.heard.at(-1)).toEqual([kind, unsubscribe, [replyTag]])
    expect(dave.heard.at(-1)).toEqual([kind, unsubscribe, [replyTag]])
  })

  test('goes to a contact that connects meanwhile, at once, as long as it lasts', async () => {
    const { runtime, detour, join } = calling()
    const leave = detour.subscribe(replyTag, () => {})
    await detour.publish(tag, packet)
    const early = join('early')
    await runtime.advance(3000)
    await detour.publish(tag, packet)
    const [alice, bob] = [join('alice'), join('bob')]
    const asked = [
      [kind, subscribe, [replyTag]],
      [kind, publish, tag, packet],
    ]
    expect([early.heard, alice.heard, bob.heard]).toEqual([asked, asked, []])
    leave()
    expect(join('late').heard).toEqual([])
  })

  test('that was answered says nothing to others', async () => {
    const { runtime, detour, join } = calling()
    const alice = join('alice')
    detour.subscribe(replyTag, () => {})
    await detour.publish(tag, packet)
    await runtime.advance(3000)
    await detour.publish(tagOf(8), packet)
    expect(alice.heard).toEqual([])
  })

  test('has those called who have hung up, once', async () => {
    const { runtime, detour, join, called } = calling()
    const [alice, bob] = [join('alice'), join('bob')]
    alice.part.close()
    bob.part.close()
    await runtime.advance(3000)
    await detour.publish(tag, packet)
    await detour.publish(tag, packet)
    expect(called).toEqual(['alice'])
  })
})

describe('signaling: introducer', () => {
  function pair() {
    const carol = new Introductions({ runtime: systemRuntime, call: () => {} })
    const through = (name: string) => {
      const part = carol.session(name as PeerId, (record) => {
        const received = copy(record)
        queueMicrotask(() => own.take(received))
      })
      const own = new Introducer({
        send: (record) => {
          const said = copy(record)
          queueMicrotask(() => part.take(said))
        },
        handOn: () => {},
        takes: () => true,
      })
      part.begin()
      return own
    }
    return { a: through('a'), b: through('b'), countsReceivers: false, close: async () => {} }
  }
  for (const check of signalingChecks) test(check.name, () => check.run(async () => pair()))
})
