/**
 * The devices that wait to be let in: whoever redeems a ticket of purpose `device` gets a session for that alone, and never becomes a
 * contact. One a ticket; of those that come together, a few.
 */

import { toBase64url } from '../base/bytes.ts'
import * as limits from '../base/limits.ts'
import * as signatureLabels from '../crypto/signature-labels.ts'
import { atAnyTime, certifyDevice, verifyChain } from '../identity/certificate.ts'
import type { Identity } from '../identity/identity.ts'
import { shared } from '../identity/scopes.ts'
import type { Reception } from '../session/answer.ts'
import { grantTo, readFirstContact, type OpenedFirstContact } from '../session/openings.ts'
import { pactIdOf, pactSecretBytes } from '../session/pact.ts'
import * as packetKinds from '../signaling/packet-kinds.ts'
import type { TicketBook } from '../ticket/book.ts'
import type { Ticket } from '../ticket/ticket.ts'
import type { Session } from '../session/session.ts'
import type { Slot } from './mailroom.ts'
import type { OwnDevices } from './own-devices.ts'
import { devicePurpose, HostedPairing } from './pairing.ts'
import type { Emit } from './role-events.ts'

export interface PairingsOptions {
  readonly identity: Identity
  readonly network: Uint8Array
  readonly book: TicketBook
  readonly devices: OwnDevices
  readonly emit: Emit
}

export class Pairings {
  readonly #options: PairingsOptions
  /** Those that people decide about, by the ticket's tag. */
  readonly #waiting = new Map<string, HostedPairing>()
  /** All, with those that have not asked yet. */
  readonly #all = new Set<HostedPairing>()

  constructor(options: PairingsOptions) {
    this.#options = options
  }

  get waiting(): ReadonlyMap<string, HostedPairing> {
    return this.#waiting
  }

  /** What to do with a packet at the mailbox of a ticket for devices; nothing at any other. */
  at(slot: Slot): Reception | undefined {
    const live = slot.contactId === undefined ? this.#options.book.find(slot.tag)?.live : null
    if (live?.ticket.purpose !== devicePurpose) return undefined
    const { identity, network, book } = this.#options
    const { runtime } = identity
    let opened: OpenedFirstContact
    let useId = ''
    return {
      ...slot,
      from: 'stranger',
      mailbox: toBase64url(slot.tag),
      kinds: [packetKinds.firstContact],
      read: (packet) => {
        opened = readFirstContact(identity, network, live.ticket, live.key, packet)
        return opened
      },
      admit: async () => {
        if (this.#all.size >= limits.maxPairings) return undefined
        // The handshake wants a pact, and to know what it allows; nobody keeps this one.
        const secret = runtime.randomBytes(pactSecretBytes)
        useId = toBase64url(pactIdOf(secret))
        const redemption = await book.reserve(
          slot.tag,
          opened.payload.sender.peer,
          useId,
          async () => {},
        )
        if (redemption?.pactId !== useId) return undefined
        const signature = await identity.device.sign(signatureLabels.pact, opened.pactRecord)
        const peerChain = await grantTo(identity, opened.payload.sender.peerKey, [])
        return { pact: { value: secret, signature, peerChain } }
      },
      onProven: (session) => void this.#begin(live.ticket, opened, useId, session),
    }
  }

  close(): void {
    for (const pairing of this.#all) void pairing.refuse()
  }

  async #begin(
    ticket: Ticket,
    { payload: { sender } }: OpenedFirstContact,
    useId: string,
    session: Session,
  ): Promise<void> {
    const { identity, book, devices, emit } = this.#options
    const id = toBase64url(ticket.tag)
    const { scopes = [] } = book.find(ticket.tag) ?? {}
    try {
      await book.spend(ticket.tag, useId, async () => {})
      emit('known', 'tickets')
    } catch {
      return session.abandon('closed')
    }
    const pairing = new HostedPairing({
      session,
      runtime: identity.runtime,
      between: {
        ticketHash: ticket.hash,
        hostKey: identity.publicKey,
        guestKey: sender.peerKey,
      },
      certify: async (device) => {
        const nowS = Math.floor(identity.runtime.now() / 1000)
        const { scopes: own } = verifyChain(identity.chain, atAnyTime)
        const chain = await certifyDevice(identity.issuer, device, {
          nowS,
          scopes: shared(scopes, own),
        })
        // What it needs of this one is on disk before it has its certificate.
        await devices.welcome({ deviceKey: device.key, boxKey: device.boxKey, chain })
        return chain
      },
      snapshot: () => devices.snapshot(),
    })
    this.#all.add(pairing)
    void pairing.asked.then(() => {
      if (!this.#all.has(pairing)) return
      this.#waiting.set(id, pairing)
      emit('known', 'pairings')
    })
    try {
      await pairing.joined
    } catch {
      // Refused, or gone.
    } finally {
      this.#all.delete(pairing)
      if (this.#waiting.delete(id)) emit('known', 'pairings')
    }
  }
}
