/** Pairing with somebody who does not keep to it: a thief of the ticket as the guest, and a host of one's own making. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { maxPairings, maxSnapshotBytes } from '../../../lib/base/limits.ts'
import { certifyDevice, verifyChain } from '../../../lib/identity/certificate.ts'
import { Device } from '../../../lib/identity/device.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import type { LinkStream } from '../../../lib/link/streams.ts'
import { Dialogue } from '../../../lib/mesh/dialogue.ts'
import { joinIdentity, type JoinOptions } from '../../../lib/mesh/joining.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { commitmentTo, pairingWords as words } from '../../../lib/mesh/pairing.ts'
import { snapshotStream } from '../../../lib/mesh/snapshot-stream.ts'
import { Answerer } from '../../../lib/session/answer.ts'
import { dial } from '../../../lib/session/dial.ts'
import { networkId } from '../../../lib/session/handshake.ts'
import { Intake } from '../../../lib/session/intake.ts'
import { grantTo, openFirstContact, readFirstContact } from '../../../lib/session/openings.ts'
import type { Session } from '../../../lib/session/session.ts'
import * as packetKinds from '../../../lib/signaling/packet-kinds.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { TicketBook } from '../../../lib/ticket/book.ts'
import type { Ticket } from '../../../lib/ticket/ticket.ts'
import * as signatureLabels from '../../../lib/crypto/signature-labels.ts'
import { World } from '../../support/memory-peers.ts'
import { secondDevice } from '../../support/second-device.ts'

let world: World
let mesh: Mesh
let identity: Identity
const never = new AbortController().signal
const nonce = new Uint8Array(16).fill(7)

beforeEach(async () => {
  world = new World()
  ;({ mesh, identity } = await world.peer())
})
afterEach(() => world.close())

const invite = () => mesh.invite({ purpose: 'device' })

/** Whoever has the ticket. `handlers`: what it answers its host. */
async function thief(
  ticket: Ticket,
  handlers: Record<string, (params: unknown) => unknown> = {},
): Promise<Dialogue> {
  const { runtime } = world
  const self = await Identity.open({ store: new MemoryStore(), runtime })
  const session = await dial({
    identity: self,
    transport: world.network.transport(),
    signaling: world.board.path(),
    intake: new Intake(runtime),
    idleTimeoutMs: 60_000,
    timeoutMs: 1_000,
    tag: ticket.tag,
    open: (description, replyTag) =>
      openFirstContact(self, networkId('main'), ticket, description, replyTag),
  })
  return new Dialogue(session, {
    handlers: new Map(Object.entries(handlers)),
    acceptStream: () => false,
  })
}

const device = () => Device.generate(world.runtime)
const join = ({ key, boxKey }: Device, commitment = commitmentTo(nonce)) => [
  1,
  key,
  boxKey,
  commitment,
]

async function pairing() {
  for (let tries = 0; tries < 200 && mesh.pairings.length === 0; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return mesh.pairings[0]!
}

describe('a guest', () => {
  test('that shows another nonce than it has committed to is turned away, unseen', async () => {
    const guest = await thief(await invite())
    const hostNonce = await guest.request(words.join, join(device()), never)
    expect(hostNonce).toHaveLength(16)
    const searched = nonce.with(0, 8)
    await expect(guest.request(words.reveal, searched, never)).rejects.toMatchObject({
      code: 'protocol',
    })
    await guest.ended
    expect(mesh.pairings).toEqual([])
  })

  test.each<[string, (guest: Dialogue) => Promise<unknown>]>([
    ['shows a nonce without having committed to it', (g) => g.request(words.reveal, nonce, never)],
    ['joins with a short commitment', (g) => g.request(words.join, join(device(), nonce), never)],
    ['joins with nothing', (g) => g.request(words.join, null, never)],
    [
      'joins twice',
      async (g) => {
        await g.request(words.join, join(device()), never)
        await g.request(words.join, join(device()), never)
      },
    ],
    [
      'shows its nonce twice',
      async (g) => {
        await g.request(words.join, join(device()), never)
        g.request(words.reveal, nonce, never).catch(() => {})
        await g.request(words.reveal, nonce, never)
      },
    ],
    ['is done before it began', (g) => g.request(words.done, null, never)],
    ['asks for what there is not', (g) => g.request('words', null, never)],
    [
      'wants the contacts first',
      async (g) => {
        await g.request(words.join, join(device()), never)
        g.request(words.reveal, nonce, never).catch(() => {})
        await g.openStream(snapshotStream).readable.getReader().read()
      },
    ],
  ])('that %s gets nothing', async (_, act) => {
    const guest = await thief(await invite())
    await expect(act(guest)).rejects.toThrow()
    expect(mesh.devices).toHaveLength(1)
    await guest.close()
  })

  test.each<[string, (body: Uint8Array) => unknown]>([
    ['garbage', () => new Uint8Array(64)],
    ['nothing', () => null],
    ['another key’s signature', (body) => device().sign(signatureLabels.device, body)],
  ])('that countersigns with %s has no certificate', async (_, countersign) => {
    const guest = await thief(await invite(), {
      [words.countersign]: (body) => countersign(body as Uint8Array),
    })
    await guest.request(words.join, join(device()), never)
    const chain = guest.request(words.reveal, nonce, never)
    chain.catch(() => {})
    const waiting = await pairing()
    await expect(waiting.confirm()).rejects.toMatchObject({ code: /bad-/ as never })
    await expect(chain).rejects.toThrow()
    expect(mesh.devices).toHaveLength(1)
  })

  test('that falls silent with its certificate is listed, so that it can be revoked', async () => {
    const own = device()
    const guest = await thief(await invite(), {
      [words.countersign]: (body) => own.sign(signatureLabels.device, body as Uint8Array),
    })
    await guest.request(words.join, join(own), never)
    const chain = guest.request(words.reveal, nonce, never)
    const confirmed = (await pairing()).confirm()
    confirmed.catch(() => {})
    await chain
    await guest.close()
    await expect(confirmed).rejects.toMatchObject({
      code: 'interrupted',
      message: expect.stringContaining('certificate') as string,
    })
    expect(mesh.devices).toHaveLength(2)
  })

  test('beyond a few at a time is met with silence, and its ticket is not used up', async () => {
    const guests: Dialogue[] = []
    for (let n = 0; n < maxPairings; n++) guests.push(await thief(await invite()))
    const late = await invite()
    await expect(thief(late)).rejects.toMatchObject({ code: 'timeout' })
    await guests[0]!.close()
    await new Promise((resolve) => setTimeout(resolve, 50))
    await thief(late)
  })

  test('has no more rights than its ticket gives', async () => {
    const ticket = await mesh.invite({ purpose: 'device', scopes: ['message'] })
    const joining = await joinIdentity(ticket, joinOptions())
    const confirmed = (await pairing()).confirm()
    const second = await joining.confirm()
    await confirmed
    expect(verifyChain(second.chain, NaN).scopes).toEqual(['message'])
    await second.close()
  })
})

test.each([
  [['message'], 'contact', false],
  [['message'], 'device', false],
  [['introduce'], 'contact', true],
  [['introduce'], 'device', false],
  [['devices'], 'device', false],
  [['introduce', 'devices'], 'device', true],
])('a device with %j makes a ticket of purpose %s: %s', async (scopes, purpose, may) => {
  const restricted = await secondDevice(identity, { scopes })
  const { mesh: theirs } = await world.peer({ identity: restricted })
  const ticket = theirs.invite({ purpose })
  if (may) await ticket
  else await expect(ticket).rejects.toMatchObject({ code: 'forbidden' })
})

const joinOptions = (options: Partial<JoinOptions> = {}): JoinOptions => ({
  store: new MemoryStore(),
  runtime: world.runtime,
  transport: world.network.transport(),
  signaling: [world.board.path()],
  timeoutMs: 1_000,
  ...options,
})

interface FalseHost {
  readonly ticket: Ticket
  readonly self: Identity
  /** Once a guest is there. */
  readonly dialogue: Promise<Dialogue>
}

/** A host that answers as it likes. */
async function falseHost(
  handlers: Record<string, (params: unknown) => unknown>,
  acceptStream: (stream: LinkStream) => boolean = () => false,
): Promise<FalseHost> {
  const { runtime } = world
  const self = await Identity.open({ store: new MemoryStore(), runtime })
  const book = await TicketBook.open(self)
  const expiresS = Math.floor(runtime.now() / 1000) + 600
  const body = { expiresS, relays: [], uses: 1, for: null, purpose: 'device', memo: '' }
  const ticket = await book.issue(body)
  const intake = new Intake(runtime)
  const transport = world.network.transport()
  const answerer = await Answerer.open({ identity: self, transport, intake, idleTimeoutMs: 60_000 })
  const path = world.board.path()
  const { key } = book.find(ticket.tag)!.live!
  const dialogue = new Promise<Dialogue>((resolve) => {
    const slot = { tag: ticket.tag, signaling: path, expiresAtMs: runtime.now() + 600_000 }
    path.subscribe(ticket.tag, (packet) => {
      let opened: ReturnType<typeof readFirstContact>
      answerer.receive(ticket.tag, packet, path, {
        ...slot,
        from: 'stranger',
        mailbox: 'ticket',
        kinds: [packetKinds.firstContact],
        read: (bytes) => {
          opened = readFirstContact(self, networkId('main'), ticket, key, bytes)
          return opened
        },
        admit: async () => ({
          pact: {
            value: runtime.randomBytes(32),
            signature: await self.device.sign(signatureLabels.pact, opened.pactRecord),
            peerChain: await grantTo(self, opened.payload.sender.peerKey, []),
          },
        }),
        onProven: (session: Session) =>
          resolve(
            new Dialogue(session, { handlers: new Map(Object.entries(handlers)), acceptStream }),
          ),
      })
    })
  })
  return { ticket, self, dialogue }
}

describe('a host', () => {
  const stored = async (store: MemoryStore) => {
    const held = await store.transaction(['keys'], { mode: 'read' }, (tx) => tx.list('keys'))
    return held.filter(({ key }) => key.startsWith('secret/'))
  }

  test.each<[string, unknown]>([
    ['of another length', new Uint8Array(15)],
    ['that is text', 'sixteen letters!'],
    ['that is none', null],
  ])('with a nonce %s shows no digits', async (_, hostNonce) => {
    const { ticket } = await falseHost({ [words.join]: () => hostNonce })
    await expect(joinIdentity(ticket, joinOptions())).rejects.toMatchObject({ code: 'protocol' })
  })

  test('that never answers is given up in time', async () => {
    const { ticket } = await falseHost({ [words.join]: () => new Promise(() => {}) })
    await expect(joinIdentity(ticket, joinOptions({ timeoutMs: 300 }))).rejects.toMatchObject({
      code: 'timeout',
    })
  })

  test('gets no signature before the person has confirmed, and none for another identity', async () => {
    const host = await falseHost({
      [words.join]: () => nonce,
      [words.reveal]: () => new Promise(() => {}),
    })
    const store = new MemoryStore()
    const joining = await joinIdentity(host.ticket, joinOptions({ store }))
    const dialogue = await host.dialogue
    let isSigned = false
    const asked = dialogue.request(words.countersign, new Uint8Array(9), never)
    asked.then(
      () => (isSigned = true),
      () => {},
    )
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(isSigned).toBe(false)
    const outcome = joining.confirm()
    outcome.catch(() => {})
    await expect(asked).rejects.toMatchObject({ code: 'bad-certificate' })
    await joining.cancel()
    await expect(outcome).rejects.toMatchObject({ code: 'interrupted' })
    expect(await stored(store)).toEqual([])
  })

  test.each<[string, (host: Identity) => Promise<unknown> | unknown]>([
    ['its own device’s', (host) => [...host.chain]],
    ['another identity’s', () => [...identity.chain]],
    ['no', () => []],
    ['a number for a', () => 7],
    ['nothing for a', () => null],
  ])('with %s certificate makes no device', async (_, chainOf) => {
    const host: FalseHost = await falseHost({
      [words.join]: () => nonce,
      [words.reveal]: () => chainOf(host.self),
    })
    const store = new MemoryStore()
    const joining = await joinIdentity(host.ticket, joinOptions({ store }))
    await expect(joining.confirm()).rejects.toMatchObject({ code: 'bad-certificate' })
    expect(await stored(store)).toEqual([])
  })

  test.each<[string, string, (stream: LinkStream) => void]>([
    [
      'breaks off',
      'interrupted',
      ({ writable }) => {
        const writer = writable.getWriter()
        void writer.write(new Uint8Array(10)).then(() => writer.abort())
      },
    ],
    [
      'has no end',
      'too-large',
      ({ writable }) => {
        const writer = writable.getWriter()
        const write = async () => {
          for (let sent = 0; sent <= maxSnapshotBytes + 1e6; sent += 1e6) {
            await writer.write(new Uint8Array(1e6))
          }
        }
        write().catch(() => {})
      },
    ],
  ])('whose snapshot %s makes no device', async (_, code, send) => {
    let guestKeys: unknown[] = []
    const host: FalseHost = await falseHost(
      {
        [words.join]: (params) => {
          guestKeys = params as unknown[]
          return nonce
        },
        [words.reveal]: async () => {
          const dialogue = await host.dialogue
          const [, key, boxKey] = guestKeys as [number, Uint8Array, Uint8Array]
          const sign = async (_label: unknown, body: Uint8Array) =>
            (await dialogue.request(words.countersign, body, never)) as Uint8Array
          const nowS = Math.floor(world.runtime.now() / 1000)
          return [...(await certifyDevice(host.self.issuer, { key, boxKey, sign }, { nowS }))]
        },
      },
      (stream) => (send(stream), true),
    )
    const store = new MemoryStore()
    const joining = await joinIdentity(host.ticket, joinOptions({ store }))
    await expect(joining.confirm()).rejects.toMatchObject({ code })
    expect(await stored(store)).toEqual([])
  })
})
