/** What an attacker works with: altered bytes, seeded chance, peers whose every secret the test holds, and transports that count. */

import { systemRuntime, type Runtime } from '../../../lib/base/runtime.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import { decode, type CborValue } from '../../../lib/codec/cbor.ts'
import type { KeyPair } from '../../../lib/crypto/x25519.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import { Contacts, type Contact } from '../../../lib/mesh/contacts.ts'
import { networkId } from '../../../lib/session/handshake.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { TicketBook, type NewTicket } from '../../../lib/ticket/book.ts'
import { Ticket, type TicketBody } from '../../../lib/ticket/ticket.ts'
import type { Attempt, Channel, Transport } from '../../../lib/transport/transport.ts'
import type { World } from '../../support/memory-peers.ts'

await ready()

/** Where everybody meets unless told otherwise. */
export const network = networkId('main')

/** mulberry32: the same seed, the same attack. */
export function seeded(seed: number): { next(): number; below(bound: number): number } {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return { next, below: (bound) => Math.floor(next() * bound) }
}

export function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = bytes.slice()
  flipped[bit >> 3]! ^= 1 << (bit & 7)
  return flipped
}

/** Every single-bit flip, every truncation, and one byte more. */
export function* alterations(bytes: Uint8Array): Generator<Uint8Array> {
  for (let bit = 0; bit < bytes.length * 8; bit++) yield flipBit(bytes, bit)
  for (let length = 0; length < bytes.length; length++) yield bytes.slice(0, length)
  yield Uint8Array.of(...bytes, 0)
}

/** Every flip of the first byte, one in each other, a tenth of the truncations, and one byte more. */
export function* sampledAlterations(bytes: Uint8Array): Generator<Uint8Array> {
  for (let bit = 0; bit < 8; bit++) yield flipBit(bytes, bit)
  for (let at = 0; at < bytes.length; at++) yield flipBit(bytes, at * 8 + (at % 8))
  for (let length = 0; length < bytes.length; length += 10) yield bytes.slice(0, length)
  yield Uint8Array.of(...bytes, 0)
}

/** The system's runtime with a clock that a test can put forward. */
export interface ShiftedRuntime extends Runtime {
  shiftMs: number
}

export function shiftedRuntime(): ShiftedRuntime {
  const runtime: ShiftedRuntime = {
    ...systemRuntime,
    shiftMs: 0,
    now: () => systemRuntime.now() + runtime.shiftMs,
    monotonicNow: () => systemRuntime.monotonicNow() + runtime.shiftMs,
  }
  return runtime
}

/** Time passes `factor` times faster. */
export function fastRuntime(factor: number): Runtime {
  const startMs = systemRuntime.now()
  const originMs = systemRuntime.monotonicNow()
  const elapsedMs = () => (systemRuntime.monotonicNow() - originMs) * factor
  return {
    ...systemRuntime,
    now: () => startMs + elapsedMs(),
    monotonicNow: elapsedMs,
    setTimer: (delayMs, callback) => systemRuntime.setTimer(delayMs / factor, callback),
  }
}

export const openIdentity = (runtime: Runtime = systemRuntime): Promise<Identity> =>
  Identity.open({ store: new MemoryStore(), runtime })

export const newTicket = (
  runtime: Pick<Runtime, 'now'> = systemRuntime,
  changes: Partial<NewTicket> = {},
): NewTicket => ({
  expiresS: Math.ceil(runtime.now() / 1000) + 600,
  relays: [],
  uses: 1,
  for: null,
  purpose: 'contact',
  memo: '',
  ...changes,
})

/** A ticket with the secret key that only its issuer has. */
export async function issueTicket(
  issuer: Identity,
  changes: Partial<NewTicket> = {},
): Promise<{ ticket: Ticket; key: KeyPair; book: TicketBook }> {
  const book = await TicketBook.open(issuer)
  const ticket = await book.issue(newTicket(issuer.runtime, changes))
  return { ticket, key: book.find(ticket.tag)!.live!.key, book }
}

/** As the memory transport describes a side, of one who is not there. */
export const nobodysOffer = ({ randomBytes }: Pick<Runtime, 'randomBytes'> = systemRuntime) => {
  const id = randomBytes(16)
  return [0, id, [id], 65_535]
}

/** What only those who have read the ticket know. */
export function secretOf(ticket: Ticket): Uint8Array {
  const [body] = decode(ticket.bytes) as CborValue[]
  return (decode(body as Uint8Array) as CborValue[])[3] as Uint8Array
}

/** The ticket as a thief who has read it signs it under its own name, with some things changed. */
export async function relabelled(
  ticket: Ticket,
  thief: Identity,
  changes: Partial<TicketBody> = {},
): Promise<Ticket> {
  return Ticket.sign(
    {
      issuer: thief.peer,
      ticketKey: ticket.ticketKey,
      secret: secretOf(ticket),
      expiresS: ticket.expiresAt.getTime() / 1000,
      relays: ticket.relays,
      uses: ticket.uses,
      for: ticket.for,
      purpose: ticket.purpose,
      memo: ticket.memo,
      ...changes,
    },
    thief.device,
    thief.chain,
    thief.runtime.now() / 1000,
  )
}

/** The contacts that an identity's store holds. */
export async function contactsOf(identity: Identity): Promise<Contact[]> {
  return [...(await Contacts.open(identity)).values()]
}

/** Counts what it is asked for; channels pass through `wrap`. */
export class CountingTransport implements Transport {
  offers = 0
  answers = 0
  readonly #inner: Transport
  readonly #wrap: (channel: Channel) => Channel

  constructor(inner: Transport, wrap: (channel: Channel) => Channel = (channel) => channel) {
    this.#inner = inner
    this.#wrap = wrap
  }

  offer(): Attempt {
    this.offers++
    return this.#wrapped(this.#inner.offer())
  }

  checkOffer(offer: unknown): void {
    this.#inner.checkOffer(offer)
  }

  answer(offer: unknown): Attempt {
    this.answers++
    return this.#wrapped(this.#inner.answer(offer))
  }

  #wrapped(attempt: Attempt): Attempt {
    const channel = attempt.channel.then(this.#wrap)
    channel.catch(() => {})
    return {
      description: attempt.description,
      channel,
      onCandidates: (listener) => attempt.onCandidates(listener),
      accept: (answer) => attempt.accept(answer),
      addCandidates: (candidates) => attempt.addCandidates(candidates),
      close: () => attempt.close(),
    }
  }
}

/** A peer of `world` whose transport counts. */
export async function countedPeer(
  world: World,
  options: Parameters<World['peer']>[0] = {},
  wrap?: (channel: Channel) => Channel,
) {
  const transport = new CountingTransport(world.network.transport(), wrap)
  return { transport, ...(await world.peer({ transport, ...options })) }
}

/** Lets everything that is ready happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 1))
}

/** Waits, at most 30 s, until `condition` holds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 30_000
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
