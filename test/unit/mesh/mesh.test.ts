import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { HandfastError } from '../../../lib/base/errors.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import type { Link } from '../../../lib/link/link.ts'
import { Mesh } from '../../../lib/mesh/mesh.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { World } from '../../support/memory-peers.ts'

let world: World
beforeEach(() => void (world = new World()))
afterEach(() => world.close())

const nextLink = (mesh: Mesh) => new Promise<Link>((resolve) => mesh.on('link', resolve))

async function linked() {
  const [alice, bob] = [await world.peer(), await world.peer()]
  const theirs = nextLink(alice.mesh)
  const ticket = await alice.mesh.invite()
  const toAlice = await bob.mesh.accept(ticket.toString())
  return { alice, bob, toBob: await theirs, toAlice }
}

describe('a first contact', () => {
  test('invite and accept make a link on both sides', async () => {
    const { alice, bob, toAlice, toBob } = await linked()
    expect(toAlice.peer).toBe(alice.mesh.peer)
    expect(toBob.peer).toBe(bob.mesh.peer)
    expect([toAlice.state, toBob.state]).toEqual(['open', 'open'])
    expect(toAlice.safetyNumber).toBe(toBob.safetyNumber)
    expect(toAlice.safetyNumber).toMatch(/^(\d{5} ){11}\d{5}$/)
    expect([...alice.mesh.links.keys()]).toEqual([bob.mesh.peer])
  })

  test('a ticket that has worked leads to the link it made', async () => {
    const [alice, bob] = [await world.peer(), await world.peer()]
    const ticket = await alice.mesh.invite()
    expect(alice.mesh.tickets.map(String)).toEqual([String(ticket)])
    const link = await bob.mesh.accept(ticket)
    expect(await bob.mesh.accept(ticket.toURL('https://wallet.example/'))).toBe(link)
    expect(alice.mesh.tickets).toEqual([])
    expect(bob.mesh.links.size).toBe(1)
  })

  test('a reservation that is on disk though its write was said to have failed: the next try finds it', async () => {
    class Faulty extends MemoryStore {
      losesAnswer = false
      override async transaction<T>(...args: Parameters<MemoryStore['transaction']>): Promise<T> {
        const result = await super.transaction(...args)
        if (this.losesAnswer && args[1].mode === 'write' && args[0].includes('tickets')) {
          this.losesAnswer = false
          throw new HandfastError('storage-failed')
        }
        return result as T
      }
    }
    const store = new Faulty()
    const [alice, bob] = [await world.peer({ store }), await world.peer()]
    const ticket = await alice.mesh.invite()
    store.losesAnswer = true
    const lost = bob.mesh.accept(ticket, { timeoutMs: 300 })
    await expect(lost).rejects.toMatchObject({ code: 'timeout' })
    expect(store.losesAnswer).toBe(false)
    const link = await bob.mesh.accept(ticket, { timeoutMs: 3_000 })
    expect(link.peer).toBe(alice.mesh.peer)
    expect(alice.mesh.links.size).toBe(1)
  })

  // Some rounds wait for a bye or a ping that goes to a session just closed.
  test(
    'both invite and accept at once, and find each other again',
    { timeout: 120_000 },
    async () => {
      for (let round = 0; round < 10; round++) {
        const [alice, bob] = [await world.peer(), await world.peer()]
        const tickets = [await alice.mesh.invite(), await bob.mesh.invite()]
        await Promise.all([bob.mesh.accept(tickets[0]!), alice.mesh.accept(tickets[1]!)])
        await bob.mesh.close()
        const again = await world.peer({ store: bob.store })
        const link = again.mesh.links.get(alice.mesh.peer)!
        const heard = new Promise((resolve) =>
          alice.mesh.links.get(bob.mesh.peer)!.on('message', resolve),
        )
        void link.send(round).catch(() => {})
        expect(await heard).toBe(round)
        await alice.mesh.close()
        await again.mesh.close()
      }
    },
  )

  test('messages, requests and streams pass both ways', async () => {
    const { toAlice, toBob } = await linked()
    const got: unknown[] = []
    toBob.on('message', (message) => void got.push(message))
    await Promise.all([toAlice.send({ pay: 5n }), toAlice.send('two'), toAlice.send([3, null])])
    expect(got).toEqual([{ pay: 5n }, 'two', [3, null]])

    toAlice.handle('balance', async (params) => ({ of: params, is: 7n }))
    expect(await toBob.request('balance', 'me')).toEqual({ of: 'me', is: 7n })
    await expect(toBob.request('nothing')).rejects.toMatchObject({ code: 'no-handler' })

    toBob.on('stream', ({ readable, writable }) => void readable.pipeTo(writable))
    const { readable, writable } = await toAlice.openStream('echo')
    const writer = writable.getWriter()
    const sent = crypto.getRandomValues(new Uint8Array(60_000))
    const writing = (async () => {
      for (let i = 0; i < 50; i++) await writer.write(sent)
      await writer.close()
    })()
    let received = 0
    for await (const chunk of readable) received += chunk.length
    await writing
    expect(received).toBe(50 * 60_000)
  })
})

describe('a known contact', () => {
  test('is found again after a restart, without a ticket', async () => {
    const { alice, bob, toBob } = await linked()
    await bob.mesh.close()
    expect(toBob.state).toBe('idle')
    const again = await world.peer({ store: bob.store })
    const link = again.mesh.links.get(alice.mesh.peer)!
    await link.connect()
    const got: unknown[] = []
    toBob.on('message', (message) => void got.push(message))
    await link.send('again')
    expect(got).toEqual(['again'])
    expect(toBob.state).toBe('open')
  })

  test('gets what was sent while it was away', async () => {
    const { alice, bob, toBob } = await linked()
    await bob.mesh.close()
    const sent = toBob.send('later')
    const again = await world.peer({ store: bob.store })
    const link = again.mesh.links.get(alice.mesh.peer)!
    const messages = link.messages()
    expect((await messages.next()).value).toBe('later')
    await messages.return()
    await sent
  })
})

describe('several peers', () => {
  test('each has its own link to each other, and they do not mix', async () => {
    const peers = [await world.peer(), await world.peer(), await world.peer(), await world.peer()]
    for (const [i, inviter] of peers.entries()) {
      for (const accepter of peers.slice(i + 1)) {
        await accepter.mesh.accept((await inviter.mesh.invite()).toString())
      }
    }
    const got = peers.map(({ mesh }) => {
      const messages: unknown[] = []
      for (const link of mesh.links.values()) {
        link.on('message', (message) => void messages.push([link.peer, message]))
      }
      return messages
    })
    await Promise.all(
      peers.flatMap(({ mesh }) => [...mesh.links.values()].map((link) => link.send(mesh.peer))),
    )
    for (const [i, { mesh }] of peers.entries()) {
      const others = peers.filter((other) => other.mesh !== mesh).map((other) => other.mesh.peer)
      expect([...mesh.links.keys()].sort()).toEqual([...others].sort())
      expect(new Set((got[i] as string[][]).map(String))).toEqual(
        new Set(others.map((peer) => String([peer, peer]))),
      )
    }
  })

  test('a ticket has as many winners as uses, also when all come at once', async () => {
    const host = await world.peer()
    const links: string[] = []
    host.mesh.on('link', ({ peer }) => void links.push(peer))
    const ticket = await host.mesh.invite({ uses: 3, purpose: 'party', memo: 'bring salad' })
    expect([ticket.uses, ticket.purpose, ticket.memo]).toEqual([3, 'party', 'bring salad'])
    const guests = [await world.peer(), await world.peer(), await world.peer(), await world.peer()]
    const results = await Promise.allSettled(
      guests.map(({ mesh }) => mesh.accept(ticket, { timeoutMs: 3_000 })),
    )
    const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result] : []))
    expect(reasons).toHaveLength(1)
    expect(reasons[0]!.reason).toMatchObject({ code: 'timeout' })
    expect(links).toHaveLength(3)
    expect(host.mesh.links.size).toBe(3)
  })

  test('the same peer, invited again, is the same link', async () => {
    const { alice, bob, toAlice } = await linked()
    const again = await bob.mesh.accept(await alice.mesh.invite())
    expect(again).toBe(toAlice)
    expect(alice.mesh.links.size).toBe(1)
    const got: unknown[] = []
    toAlice.on('message', (message) => void got.push(message))
    await alice.mesh.links.get(bob.mesh.peer)!.send('still here')
    expect(got).toEqual(['still here'])
  })
})

describe('forgetting', () => {
  test('ends the link for good, also after a restart; the other side meets silence', async () => {
    const { alice, bob, toAlice, toBob } = await linked()
    const forgotten: string[] = []
    alice.mesh.on('forgotten', (peer) => void forgotten.push(peer))
    const waiting = toBob.request('never', null).catch((error: { code: string }) => error.code)
    await alice.mesh.forget(bob.mesh.peer)
    expect(forgotten).toEqual([bob.mesh.peer])
    expect(toBob.state).toBe('closed')
    expect(await waiting).toMatch(/closed|interrupted|no-handler/)
    expect(alice.mesh.links.size).toBe(0)
    await alice.mesh.forget(bob.mesh.peer)
    expect(forgotten).toHaveLength(1)

    const before = world.board.published.length
    await expect(toAlice.connect({ timeoutMs: 300 })).rejects.toMatchObject({ code: 'timeout' })
    const published = world.board.published.slice(before)
    expect(published.length).toBeGreaterThan(0)
    expect(published.every(({ from }) => from === 1)).toBe(true)

    await alice.mesh.close()
    const again = await world.peer({ store: alice.store })
    expect(again.mesh.links.size).toBe(0)
    await expect(toAlice.connect({ timeoutMs: 300 })).rejects.toMatchObject({ code: 'timeout' })
  })

  test('a new ticket makes a new link', async () => {
    const { alice, bob, toBob } = await linked()
    await alice.mesh.forget(bob.mesh.peer)
    const theirs = nextLink(alice.mesh)
    const link = await bob.mesh.accept(await alice.mesh.invite())
    const fresh = await theirs
    expect(fresh).not.toBe(toBob)
    const got: unknown[] = []
    fresh.on('message', (message) => void got.push(message))
    await link.send('again')
    expect(got).toEqual(['again'])
  })
})

describe('accepting', () => {
  test('takes text, link or object', async () => {
    const alice = await world.peer()
    for (const form of ['toString', 'toURL', undefined] as const) {
      const bob = await world.peer()
      const ticket = await alice.mesh.invite()
      const given =
        form === undefined
          ? ticket
          : form === 'toURL'
            ? `${ticket.toURL('https://wallet.example/')}`
            : ticket.toString()
      expect((await bob.mesh.accept(given)).peer).toBe(alice.mesh.peer)
    }
  })

  test('can be aborted, before and during; times out; leaves nothing behind', async () => {
    const [alice, bob] = [await world.peer(), await world.peer()]
    const ticket = await alice.mesh.invite()
    await alice.mesh.withdraw(ticket)
    await alice.mesh.withdraw(ticket)
    await expect(bob.mesh.accept(ticket, { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'timeout',
    })
    const controller = new AbortController()
    const { signal } = controller
    const aborted = expect(bob.mesh.accept(ticket, { signal })).rejects.toThrow('never mind')
    setTimeout(() => controller.abort(new Error('never mind')), 10)
    await aborted
    await expect(bob.mesh.accept(ticket, { signal })).rejects.toThrow('never mind')
    expect(bob.mesh.links.size).toBe(0)
    expect(world.network.size).toBe(0)
  })

  test('refuses what can not be: garbage, expired, own, for another', async () => {
    const [alice, bob, carol] = [await world.peer(), await world.peer(), await world.peer()]
    for (const text of ['', 'hft1', 'hft1aaaa', 'hello']) {
      await expect(bob.mesh.accept(text)).rejects.toMatchObject({ code: 'bad-ticket' })
    }
    const ticket = await alice.mesh.invite({ for: carol.mesh.peer })
    await expect(alice.mesh.accept(ticket)).rejects.toMatchObject({ code: 'ticket-wrong-party' })
    await expect(bob.mesh.accept(ticket)).rejects.toMatchObject({ code: 'ticket-wrong-party' })
    expect((await carol.mesh.accept(ticket)).peer).toBe(alice.mesh.peer)
  })
})

describe('inviting', () => {
  test.each([
    ['no uses', { uses: 0 }],
    ['half a use', { uses: 1.5 }],
    ['too many uses', { uses: 1_001 }],
    ['uses that are no number', { uses: NaN }],
    ['no time', { expiresInMs: 0 }],
    ['a negative time', { expiresInMs: -1 }],
    ['for ever', { expiresInMs: Infinity }],
    ['over 30 days', { expiresInMs: 31 * 24 * 3600_000 }],
    ['a purpose too long', { purpose: 'ü'.repeat(17) }],
    ['a memo too long', { memo: 'ü'.repeat(65) }],
    ['half a character', { memo: '\ud800' }],
    ['for nobody there is', { for: 'not a peer' }],
  ])('with %s is refused', async (_, options) => {
    const { mesh } = await world.peer()
    await expect(mesh.invite(options)).rejects.toMatchObject({
      code: expect.stringMatching(/^(invalid-argument|bad-key)$/),
    })
  })
})

describe('opening', () => {
  test.each([0, -1, 999, 24 * 3600_000 + 1, Infinity, NaN])(
    'with an idle time-out of %d ms is refused',
    async (idleTimeoutMs) => {
      await expect(world.peer({ idleTimeoutMs })).rejects.toMatchObject({
        code: 'invalid-argument',
      })
    },
  )
})

describe('opening, by who has no compiler', () => {
  test.each<[string, (world: World) => Promise<unknown>]>([
    ['nothing in particular', async () => ({})],
    ['an identity that was not awaited', async () => ({ identity: Identity.open() })],
    [
      'relays as text',
      async (peers) => ({ identity: (await peers.peer()).identity, relays: 'wss://relay.example' }),
    ],
    [
      'a relay that is no text',
      async (peers) => ({
        identity: (await peers.peer()).identity,
        relays: [new URL('wss://r.example')],
      }),
    ],
  ])('with %s is refused in words', async (_, optionsIn) => {
    const options = (await optionsIn(world)) as { identity?: unknown }
    // Nobody is to hear of an identity that can't be opened here.
    if (options.identity instanceof Promise) options.identity.catch(() => {})
    await expect(Mesh.open(options as never)).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringMatching(/^(identity|relays) is /),
    })
  })
})

test.each(['messages', 'Message', 'introduce:x', '*:x', 'message:', 'pay'])(
  'a scope %j that is none is not given to anybody',
  async (scope) => {
    const { alice, bob, toBob } = await linked()
    const ticket = await alice.mesh.invite()
    const given = [
      alice.mesh.invite({ scopes: ['message', scope] }),
      bob.mesh.accept(ticket, { scopes: [scope] }),
      toBob.allow([scope]),
    ]
    for (const each of given) {
      await expect(each).rejects.toMatchObject({ code: 'invalid-argument' })
    }
    expect(toBob.scopes).toEqual(['*'])
  },
)

describe('closing', () => {
  test('is complete and can be repeated; afterwards everything says so', async () => {
    const { alice, bob, toAlice, toBob } = await linked()
    const ticket = await alice.mesh.invite()
    const closing = bob.mesh.close()
    expect(bob.mesh.close()).toBe(closing)
    await closing
    expect([toAlice.state, bob.mesh.links.size]).toEqual(['closed', 0])
    expect(toBob.state).toBe('idle')
    for (const late of [bob.mesh.accept(ticket), bob.mesh.invite(), toAlice.send(1)]) {
      await expect(late).rejects.toMatchObject({ code: 'closed' })
    }
    await bob.mesh[Symbol.asyncDispose]()
  })

  test('ends an accept under way', async () => {
    const [alice, bob] = [await world.peer(), await world.peer()]
    const ticket = await alice.mesh.invite()
    await alice.mesh.close()
    const accepting = expect(bob.mesh.accept(ticket)).rejects.toMatchObject({ code: 'closed' })
    await new Promise((resolve) => setTimeout(resolve, 10))
    await bob.mesh.close()
    await accepting
  })

  test('lets go of the identity, which has one mesh at a time', async () => {
    const first = await world.peer()
    const second = world.peer({ identity: first.identity })
    await expect(second).rejects.toMatchObject({ code: 'identity-in-use' })
    await first.mesh.close()
    const third = await world.peer({ identity: first.identity })
    expect(third.mesh.peer).toBe(first.mesh.peer)
  })
})
