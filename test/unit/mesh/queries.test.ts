/** Strangers ask at published addresses: who is answered, how often, and what meets silence. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { HandfastError } from '../../../lib/base/errors.ts'
import * as limits from '../../../lib/base/limits.ts'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { ask, type AskOptions } from '../../../lib/session/ask.ts'
import { openQuery } from '../../../lib/session/query.ts'
import * as packetKinds from '../../../lib/signaling/packet-kinds.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { Address } from '../../../lib/ticket/address.ts'
import { Switchboard, World } from '../../support/memory-peers.ts'
import { densest, notedClock } from '../../support/noted-clock.ts'
import { catchReportedErrors } from '../../support/reported-errors.ts'
import { TabPeers } from '../../support/tab-peers.ts'
import {
  countedPeer,
  network,
  openIdentity,
  settle,
  shiftedRuntime,
  until,
} from '../attack/adversary.ts'

const errors = catchReportedErrors()
let world: World
beforeEach(() => void (world = new World()))
afterEach(() => world.close())

/** A stranger has a path of their own each time. */
const askBy = (address: Address | string, method: string, params?: unknown, options?: AskOptions) =>
  ask(address, method, params, { signaling: [world.board.path()], timeoutMs: 3_000, ...options })

const referee = async (options?: Parameters<typeof countedPeer>[1]) => {
  const peer = await countedPeer(world, options)
  return { ...peer, address: await peer.mesh.address() }
}

const questionTo = (address: Address, method = 'verify', params: unknown = null) =>
  openQuery({
    address,
    network,
    method,
    params,
    answerBytes: 100,
    randomBytes: systemRuntime.randomBytes,
  }).packet

const answers = () =>
  world.board.published.filter(({ packet }) => packet[0] === packetKinds.acknowledge)

/** As somebody publishes it. */
const inject = async (tag: Uint8Array, ...packets: Uint8Array[]) => {
  for (const packet of packets) world.board.inject({ from: -1, tag, packet })
  await settle()
}

describe('a stranger', () => {
  test('is answered, and no peer connection is made', async () => {
    const { mesh, address, transport } = await referee()
    mesh.answer('double', (n) => Number(n) * 2)
    expect(await askBy(address, 'double', 21)).toBe(42)
    expect(await askBy(String(address), 'double', 4)).toBe(8)
    expect([transport.offers, transport.answers, mesh.links.size]).toEqual([0, 0, 0])
  })

  test('is told what went wrong, and nothing of why', async () => {
    const { mesh, address } = await referee()
    mesh.answer('broken', () => {
      throw new Error('a secret of the application')
    })
    mesh.answer('refusing', () => {
      throw new HandfastError('invalid-argument', 'a word to contacts alone')
    })
    mesh.answer('long', () => 'a'.repeat(5000))
    mesh.answer('endless', () => 'a'.repeat(limits.maxQueryValueBytes))
    mesh.answer('mute', () => () => {})
    const outcome = (method: string, answerBytes = 100) =>
      askBy(address, method, null, { answerBytes }).catch(({ code, message }: HandfastError) => [
        code,
        message,
      ])
    expect(await outcome('unknown')).toEqual(['no-handler', 'no-handler'])
    expect(await outcome('broken')).toEqual(['request-failed', 'request-failed'])
    expect(await outcome('refusing')).toEqual(['request-failed', 'request-failed'])
    expect(await outcome('long')).toEqual(['too-large', 'too-large'])
    expect(await outcome('long', 5003)).toHaveLength(5000)
    expect(await outcome('endless', 8192)).toEqual(['too-large', 'too-large'])
    expect(await outcome('mute')).toEqual(['request-failed', 'request-failed'])
    expect(errors).toMatchObject([
      { message: 'a secret of the application' },
      { code: 'invalid-argument' },
    ])
  })

  test('sends nothing that tells who it is, or that two questions are one stranger’s', async () => {
    const { mesh, identity, address } = await referee()
    mesh.answer('echo', (params) => params, { perSecond: 100 })
    for (let n = 0; n < 20; n++) await askBy(address, 'echo', 'the same')
    const seen = world.board.published.map(({ tag, packet }) => [tag, packet] as const)
    expect(seen).toHaveLength(40)
    // All of one size; and no run of eight bytes comes twice, but for the mailbox, and the reply tag in its packet.
    expect(new Set(seen.map(([, { length }]) => length)).size).toBe(1)
    const runs = new Map<string, number>()
    for (const [, packet] of seen) {
      const hex = Buffer.from(packet.subarray(17)).toString('hex')
      for (let at = 0; at + 16 <= hex.length; at += 2) {
        const run = hex.slice(at, at + 16)
        runs.set(run, (runs.get(run) ?? 0) + 1)
      }
    }
    expect(Math.max(...runs.values())).toBe(1)
    const replyTags = answers().map(({ tag }) => Buffer.from(tag).toString('hex'))
    expect(new Set(replyTags).size).toBe(20)
    const all = Buffer.concat(seen.map(([, packet]) => packet))
    for (const key of [identity.publicKey, identity.device.key, identity.device.boxKey]) {
      expect(all.includes(Buffer.from(key))).toBe(false)
    }
  })

  test('finds out at once what is wrong with an address, or with the question', async () => {
    const { address } = await referee()
    const runtime = shiftedRuntime()
    runtime.shiftMs = limits.defaultAddressLifetimeMs + 1000
    const code = (...[to, method, params, options]: Parameters<typeof askBy>) =>
      askBy(to, method, params, options).catch((error: HandfastError) => error.code)
    expect(await code('hfa1nonsense', 'm')).toBe('bad-address')
    expect(await code(address, 'm', null, { runtime })).toBe('address-expired')
    expect(await code(address, '')).toBe('invalid-argument')
    expect(await code(address, 'm', 'a'.repeat(9000))).toBe('too-large')
    expect(await code(address, 'm', null, { relays: ['ws://relay.example'] })).toBe(
      'invalid-argument',
    )
    const signal = AbortSignal.abort(new Error('no more'))
    await expect(askBy(address, 'm', null, { signal })).rejects.toThrow('no more')
    const controller = new AbortController()
    const asked = askBy(address, 'm', null, { signal: controller.signal })
    setTimeout(() => controller.abort(new Error('enough')), 20)
    await expect(asked).rejects.toThrow('enough')
    const refused = { signaling: [], timeoutMs: 50 }
    expect(await code(address, 'm', null, refused)).toBe('signaling-unavailable')
    expect(await code(address, 'm', null, { timeoutMs: 50 })).toBe('timeout')
  })

  test('of another network is not answered', async () => {
    const { mesh, address } = await referee()
    let asked = 0
    mesh.answer('m', () => ++asked)
    const elsewhere = askBy(address, 'm', null, { network: 'elsewhere', timeoutMs: 100 })
    await expect(elsewhere).rejects.toMatchObject({ code: 'timeout' })
    expect([asked, answers()]).toEqual([0, []])
  })

  test('gets the true answer past any number of forged ones', async () => {
    const { mesh, address } = await referee()
    mesh.answer('m', () => 'true')
    let forged = 0
    world.board.rule = (published) => {
      if (published.packet[0] !== packetKinds.acknowledge) return [published]
      const forgeries = Array.from({ length: 20 }, (_, n) => {
        const packet = published.packet.slice(0, n % 4 === 0 ? -1 : undefined)
        packet[17 + ((n * 53) % 900)]! ^= 1 << (n % 8)
        return { ...published, packet }
      })
      forged += forgeries.length
      return [...forgeries, published]
    }
    expect(await askBy(address, 'm')).toBe('true')
    expect(forged).toBe(20)
  })

  test('asks again until its question has got through', async () => {
    const { mesh, address } = await referee()
    let asked = 0
    mesh.answer('m', () => ++asked)
    let lost = 0
    world.board.rule = (published) => (lost++ < 1 ? [] : [published])
    expect(await askBy(address, 'm')).toBe(1)
    // The answer is lost: the same question is answered alike, and not asked of the handler again.
    lost = -1
    world.board.rule = (published) => (lost++ === 0 ? [] : [published])
    expect(await askBy(address, 'm')).toBe(2)
    const [, first, again] = answers()
    expect(again!.packet).toEqual(first!.packet)
    expect(asked).toBe(2)
  })
})

describe('silence', () => {
  test('for whatever is no question to this address', async () => {
    const { mesh, address, transport } = await referee()
    const asked: unknown[] = []
    mesh.answer('verify', (params) => void asked.push(params))
    const good = questionTo(address)
    const other = await mesh.address()
    const wrong = limits.queryPacketBytes.flatMap((bytes) => {
      const garbage = crypto.getRandomValues(new Uint8Array(bytes))
      garbage.set(good.subarray(0, 17))
      return [garbage, garbage.slice(1), garbage.slice(0, -1)]
    })
    for (const kind of Object.values(packetKinds)) {
      if (kind !== packetKinds.query) wrong.push(Uint8Array.of(kind, ...good.slice(1)))
    }
    const toOther = good.slice()
    toOther.set(other.tag, 1)
    wrong.push(toOther, good.slice(0, 100), Uint8Array.of(...good, 0), new Uint8Array())
    await inject(address.tag, ...wrong)
    await inject(other.tag, good, toOther)
    expect([asked, answers()]).toEqual([[], []])
    // What is right is answered all the same.
    await inject(address.tag, good)
    expect([asked, answers().length, transport.answers]).toEqual([[null], 1, 0])
  })

  test('as long as a mesh has just begun, and tabs have yet to say what they answer', async () => {
    const runtime = shiftedRuntime()
    const { mesh } = await world.peer({ identity: await openIdentity(runtime) })
    const address = await mesh.address()
    const question = questionTo(address)
    await inject(address.tag, question)
    expect(answers()).toHaveLength(0)
    const stop = mesh.answer('verify', () => 'yes')
    await inject(address.tag, question)
    expect(answers()).toHaveLength(1)
    stop()
    await inject(address.tag, questionTo(address))
    expect(answers()).toHaveLength(1)
    runtime.shiftMs = limits.answersSettleMs
    await inject(address.tag, questionTo(address))
    expect(answers()).toHaveLength(2)
  })

  test('at an address that was withdrawn, has expired, or whose mesh is closed', async () => {
    const runtime = shiftedRuntime()
    const { mesh } = await world.peer({ identity: await openIdentity(runtime) })
    mesh.answer('verify', () => 'yes')
    const [first, second] = [await mesh.address(), await mesh.address({ expiresInMs: 5_000 })]
    const [third] = [await mesh.address()]
    expect(mesh.addresses).toEqual([first, second, third])
    await mesh.withdraw(first)
    expect(mesh.addresses).toEqual([second, third])
    runtime.shiftMs = 6_100
    for (const { tag } of [first, second]) await inject(tag, questionTo(first), questionTo(second))
    expect(answers()).toHaveLength(0)
    await inject(third.tag, questionTo(third))
    expect(answers()).toHaveLength(1)
    await mesh.close()
    await inject(third.tag, questionTo(third))
    expect(answers()).toHaveLength(1)
  })

  test('beyond the budget of a mailbox', async () => {
    const runtime = shiftedRuntime()
    runtime.monotonicNow = () => runtime.shiftMs
    const { mesh } = await world.peer({ identity: await openIdentity(runtime) })
    const address = await mesh.address()
    let asked = 0
    mesh.answer('verify', () => ++asked, { perSecond: 1000 })
    const garbage = questionTo(address).fill(1)
    for (let n = 0; n < limits.addressBurst; n++) {
      world.board.inject({ from: -1, tag: address.tag, packet: garbage })
    }
    await inject(address.tag, questionTo(address))
    expect(asked).toBe(0)
    // Another address has a budget of its own, and time refills this one.
    const other = await mesh.address()
    await inject(other.tag, questionTo(other))
    expect(asked).toBe(1)
    runtime.shiftMs = 1000 / limits.addressPacketsPerS
    await inject(address.tag, questionTo(address), questionTo(address))
    expect(asked).toBe(2)
  })
})

describe('a device', () => {
  test('whose keys are locked is silent until they are unlocked', async () => {
    const { mesh, identity, address } = await referee()
    let asked = 0
    mesh.answer('verify', () => ++asked)
    const question = questionTo(address)
    identity.lock()
    await inject(address.tag, question)
    expect([asked, answers().length]).toEqual([0, 0])
    await identity.unlock()
    await inject(address.tag, question)
    expect([asked, answers().length]).toEqual([1, 1])
  })

  test('that was revoked answers no more, also when it is started again', async () => {
    const { mesh, identity, store, address } = await referee()
    mesh.answer('verify', () => 'yes')
    await mesh.revokeDevice(identity.device.key)
    await inject(address.tag, questionTo(address))
    await mesh.close()
    const again = await world.peer({ store })
    again.mesh.answer('verify', () => 'yes')
    await inject(address.tag, questionTo(address))
    expect(answers()).toEqual([])
    await expect(again.mesh.address()).rejects.toMatchObject({ code: 'revoked' })
  })
})

describe('several paths', () => {
  test('a question that comes by two is handled once, and each is answered by its own, once', async () => {
    const boards = [world.board, new Switchboard()]
    const signaling = boards.map((board) => board.path())
    const { mesh } = await world.peer({ signaling })
    const address = await mesh.address()
    let asked = 0
    mesh.answer('verify', () => ++asked)
    const packet = questionTo(address)
    const repliesOf = () =>
      boards.map(({ published }) => published.filter(({ packet: [kind] }) => kind === 0x41).length)
    await inject(address.tag, packet)
    expect(repliesOf()).toEqual([1, 0])
    for (const board of boards) board.inject({ from: -1, tag: address.tag, packet })
    await settle()
    expect([asked, ...repliesOf()]).toEqual([1, 2, 1])
  })

  test('one that floods does not keep those from being answered who come by another', async () => {
    const other = new Switchboard()
    const { mesh } = await world.peer({ signaling: [world.board.path(), other.path()] })
    const address = await mesh.address()
    mesh.answer('verify', () => 'yes')
    const garbage = questionTo(address).fill(1, 17)
    for (let n = 0; n < limits.addressBurst * 3; n++) {
      other.inject({ from: -1, tag: address.tag, packet: garbage })
    }
    expect(await askBy(address, 'verify', null, { timeoutMs: 900 })).toBe('yes')
  })
})

describe('a question played again', () => {
  test('gets the identical answer while that is kept, and no handler sees it', async () => {
    const { mesh, address } = await referee()
    let asked = 0
    mesh.answer('verify', () => ++asked)
    const packet = questionTo(address)
    await inject(address.tag, packet, packet, packet)
    await inject(address.tag, packet)
    expect(asked).toBe(1)
    const [first, ...again] = answers().map((answer) => answer.packet)
    // Those that came while it was being answered got none of their own.
    expect(again).toEqual([first])
  })

  test('is not handled twice while it is being handled', async () => {
    const { mesh, address } = await referee()
    let asked = 0
    let finish = () => {}
    mesh.answer('verify', () => {
      asked++
      return new Promise<void>((resolve) => (finish = resolve))
    })
    const packet = questionTo(address)
    for (let n = 0; n < 5; n++) await inject(address.tag, packet)
    expect([asked, answers().length]).toEqual([1, 0])
    finish()
    await settle()
    expect([asked, answers().length]).toEqual([1, 1])
  })
})

describe('budgets', () => {
  test('1,000 strangers are answered, and no handler sees more a second than its budget', async () => {
    const clock = notedClock()
    const { mesh, address } = await referee({ identity: await openIdentity(clock) })
    const strictAtMs: number[] = []
    const wideAtMs: number[] = []
    mesh.answer('strict', (n) => (strictAtMs.push(clock.lastReadMs), [n]), { perSecond: 5 })
    mesh.answer('wide', (n) => (wideAtMs.push(clock.lastReadMs), [n]), { perSecond: 300 })
    let next = 0
    const wrong: unknown[] = []
    const stranger = async () => {
      while (next < 1000) {
        const n = next++
        const method = n % 50 === 0 ? 'strict' : 'wide'
        const answer = await askBy(address, method, n, { timeoutMs: 25_000 })
        if (String(answer) !== String([n])) wrong.push([n, answer])
      }
    }
    await Promise.all(Array.from({ length: 16 }, stranger))
    expect(wrong).toEqual([])
    expect([strictAtMs.length, wideAtMs.length]).toEqual([20, 980])
    expect(densest(strictAtMs)).toBeLessThanOrEqual(5)
    expect(densest(wideAtMs)).toBeLessThanOrEqual(300)
  })

  test('as many as there is room for are handled at a time; the others when they come again', async () => {
    const { mesh, address } = await referee()
    let finish = () => {}
    const gate = new Promise<void>((resolve) => (finish = resolve))
    let running = 0
    mesh.answer('verify', () => (running++, gate), { perSecond: 1000 })
    const packets = Array.from({ length: limits.maxConcurrentQueries + 1 }, () =>
      questionTo(address),
    )
    await inject(address.tag, ...packets)
    await until(() => running === limits.maxConcurrentQueries, 'all there is room for')
    await settle()
    expect(running).toBe(limits.maxConcurrentQueries)
    finish()
    await settle()
    await inject(address.tag, packets.at(-1)!)
    expect(running).toBe(limits.maxConcurrentQueries + 1)
    expect(answers()).toHaveLength(limits.maxConcurrentQueries + 1)
  })

  test.each([[0], [-1], [1.5], [1001], [NaN]])('cannot be %s a second', async (perSecond) => {
    const { mesh } = await world.peer()
    expect(() => mesh.answer('m', () => 1, { perSecond })).toThrow(HandfastError)
    expect(() => mesh.answer('', () => 1)).toThrow(HandfastError)
    expect(() => mesh.answer('m'.repeat(257), () => 1)).toThrow(HandfastError)
  })
})

describe('addresses', () => {
  test('outlive a reload, until they are withdrawn or expire', async () => {
    const store = new MemoryStore()
    const before = await world.peer({ store })
    const [kept, withdrawn] = [await before.mesh.address(), await before.mesh.address()]
    await before.mesh.withdraw(withdrawn)
    await before.mesh.close()
    const after = await world.peer({ store })
    expect(after.mesh.addresses.map(String)).toEqual([String(kept)])
    after.mesh.answer('who', () => after.mesh.peer)
    expect(await askBy(kept, 'who')).toBe(kept.peer)
    await expect(askBy(withdrawn, 'who', null, { timeoutMs: 100 })).rejects.toMatchObject({
      code: 'timeout',
    })
  })

  test('are at most four, for at most a year', async () => {
    const { mesh } = await world.peer()
    const all = await Promise.allSettled(Array.from({ length: 6 }, () => mesh.address()))
    expect(all.map(({ status }) => status === 'fulfilled').filter(Boolean)).toHaveLength(4)
    expect(all.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'queue-full' },
    })
    await mesh.withdraw(mesh.addresses[0]!)
    for (const expiresInMs of [0, -1, NaN, limits.maxAddressLifetimeMs + 1]) {
      await expect(mesh.address({ expiresInMs })).rejects.toMatchObject({
        code: 'invalid-argument',
      })
    }
    expect((await mesh.address()).expiresAt.getTime() - Date.now()).toBeCloseTo(
      limits.defaultAddressLifetimeMs,
      -4,
    )
  })

  test('name the relays that strangers can reach', async () => {
    const urls = ['wss://1.example/', 'wss://2.example/', 'wss://3.example/', 'wss://4.example/']
    class NoSocket {
      binaryType = ''
      onmessage = null
      onclose = null
      onerror = null
      send(): void {}
      close(): void {}
    }
    const relays = [...urls, 'wss://5.example/']
    const { mesh } = await world.peer({ relays, WebSocket: NoSocket })
    expect((await mesh.address()).relays).toEqual(urls)
  })

  test('that are damaged in the store cost themselves alone', async () => {
    const store = new MemoryStore()
    const before = await world.peer({ store })
    const address = await before.mesh.address()
    await before.mesh.close()
    await store.transaction(['keys'], { mode: 'write' }, (keys) =>
      keys.put('keys', 'address/damaged', Uint8Array.of(1, 2, 3)),
    )
    const after = await world.peer({ store })
    expect(after.mesh.addresses.map(String)).toEqual([String(address)])
    expect(errors).toMatchObject([{ code: 'storage-failed' }])
  })
})

describe('several tabs', () => {
  let peers: TabPeers
  beforeEach(() => void (peers = new TabPeers()))
  afterEach(() => peers.close())

  const askAt = (address: Address, method: string, params?: unknown) =>
    peers.passing(
      ask(address, method, params, {
        signaling: [peers.peers.board.path()],
        runtime: peers.world.clock,
        timeoutMs: 10_000,
      }),
    )
  const nameOf = (mesh: Mesh, name: string) => mesh.answer('who', () => name)

  test('a tab that follows publishes, withdraws and answers, where the one that leads has no handler', async () => {
    const leader = await peers.tab()
    const follower = await peers.tab()
    const address = await peers.passing(follower.mesh.address())
    await peers.until(() => follower.mesh.addresses.length === 1)
    expect(leader.mesh.addresses.map(String)).toEqual([String(address)])
    nameOf(follower.mesh, 'follower')
    follower.mesh.answer('fails', () => {
      throw new HandfastError('forbidden' as never)
    })
    expect(await askAt(address, 'who')).toBe('follower')
    await expect(askAt(address, 'fails')).rejects.toMatchObject({ code: 'request-failed' })
    await expect(askAt(address, 'unknown')).rejects.toMatchObject({ code: 'no-handler' })
    const stop = nameOf(leader.mesh, 'leader')
    expect(await askAt(address, 'who')).toBe('leader')
    stop()
    expect(await askAt(address, 'who')).toBe('follower')
    await peers.passing(follower.mesh.withdraw(address))
    expect(leader.mesh.addresses).toEqual([])
    await peers.until(() => follower.mesh.addresses.length === 0)
  })

  test('the next one answers when the tab that leads has died, and within its budget', async () => {
    const leader = await peers.tab()
    const address = await peers.passing(leader.mesh.address())
    nameOf(leader.mesh, 'leader')
    const follower = await peers.tab()
    const other = await peers.tab()
    const askedAtMs: number[] = []
    other.mesh.answer('count', () => void askedAtMs.push(peers.world.line.elapsedMs), {
      perSecond: 1,
    })
    nameOf(follower.mesh, 'follower')
    await askAt(address, 'count')
    leader.tab.die()
    await peers.until(() => leader.tab.isDead)
    expect(await askAt(address, 'who')).toBe('follower')
    await askAt(address, 'count')
    await askAt(address, 'count')
    expect(densest(askedAtMs)).toBe(1)
    expect(askedAtMs).toHaveLength(3)
  })
})
