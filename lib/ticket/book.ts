/**
 * The ticket book: the tickets one has issued, and who redeemed them. A use is reserved in one atomic transaction, so that it
 * has one winner, also when a hundred race for it or the tab dies in between; it is spent once the winner has proven to be live.
 * A ticket's key is destroyed when all its uses are spent; its record stays until expiry, so that a spent ticket and
 * an unknown one look alike from outside.
 */

import { fromBase64url, toBase64url } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import { maxOpenTickets, reservationMs } from '../base/limits.ts'
import { generateKeyPair, keyPairFromSecret, type KeyPair } from '../crypto/x25519.ts'
import { decode, encode } from '../codec/cbor.ts'
import { Fields } from '../codec/fields.ts'
import { atAnyTime } from '../identity/certificate.ts'
import type { Identity } from '../identity/identity.ts'
import type { Sealed } from '../identity/wrapping-key.ts'
import type { PeerId } from '../identity/peer-id.ts'
import { everything, type Scopes } from '../identity/scopes.ts'
import { takeRecords } from '../storage/reading.ts'
import { strictWrite, type StoreTransaction } from '../storage/store.ts'
import { Ticket, type TicketBody } from './ticket.ts'

export type NewTicket = Pick<
  TicketBody,
  'expiresS' | 'relays' | 'uses' | 'for' | 'purpose' | 'memo'
>

interface TicketRecord {
  /** Granted to whoever uses it. None in records of an earlier version. */
  scopes?: Scopes
  expiresAtMs: number
  /** None in records of an earlier version. */
  issuedAtMs?: number
  redemptions: Redemption[]
  uses: number
  /** The encoded ticket and its secret key; none once all uses are spent. */
  secrets: Sealed | null
}

export interface Redemption {
  readonly peer: PeerId
  /** Names the pact that came of it. */
  readonly pactId: string
  readonly spent: boolean
  /** When it was reserved. */
  readonly atMs?: number
}

export interface Reservation extends Redemption {
  /** The pact of another, who had not proven to be live for so long that this one has its use. */
  readonly overtaken?: string
}

/** A ticket whose mailbox is listened to. */
export interface OpenTicket {
  readonly tag: Uint8Array
  readonly expiresAtMs: number
  readonly issuedAtMs: number
  /** Granted to whoever uses it. */
  readonly scopes: Scopes
  /** None once all uses are spent. */
  readonly live: { readonly ticket: Ticket; readonly key: KeyPair } | null
}

/** What else belongs to the same transaction, on the tables `contacts` and `peers`. */
type Also = (transaction: StoreTransaction) => Promise<void>

const sealName = (key: string) => `ticket/${key}`

export class TicketBook {
  readonly #identity: Identity
  readonly #open = new Map<string, OpenTicket>()

  private constructor(identity: Identity) {
    this.#identity = identity
  }

  /** Reads the book and forgets what has expired. */
  static async open(identity: Identity): Promise<TicketBook> {
    const book = new TicketBook(identity)
    const expired: string[] = []
    await takeRecords(identity.store, 'tickets', 'ticket', async (key, value) => {
      const record = value as TicketRecord
      if (!Number.isFinite(record.expiresAtMs)) throw new HandfastError('storage-failed')
      if (record.expiresAtMs <= identity.runtime.now()) expired.push(key)
      else book.#open.set(key, await book.#read(key, record))
    })
    for (const key of expired) await book.#delete(key)
    return book
  }

  /** All tickets not expired, spent ones included. */
  values(): Iterable<OpenTicket> {
    return this.#open.values()
  }

  find(tag: Uint8Array): OpenTicket | undefined {
    return this.#open.get(toBase64url(tag))
  }

  /** @throws HandfastError `queue-full`, `storage-failed` */
  async issue(
    options: NewTicket,
    scopes = everything,
    issuedAtMs = this.#identity.runtime.now(),
  ): Promise<Ticket> {
    if (this.#open.size >= maxOpenTickets) {
      throw new HandfastError('queue-full', `${maxOpenTickets} tickets are open`)
    }
    const { device, chain, peer, runtime, keystore } = this.#identity
    const key = generateKeyPair(runtime)
    const ticket = await Ticket.sign(
      { ...options, issuer: peer, ticketKey: key.publicKey, secret: runtime.randomBytes(16) },
      device,
      chain,
      runtime.now() / 1000,
    )
    const id = toBase64url(ticket.tag)
    const record: TicketRecord = {
      expiresAtMs: ticket.expiresAt.getTime(),
      issuedAtMs,
      scopes,
      redemptions: [],
      uses: ticket.uses,
      secrets: await keystore.seal(sealName(id), encode([ticket.bytes, key.secretKey])),
    }
    await this.#write((transaction) => transaction.put('tickets', id, record))
    const { expiresAtMs } = record
    this.#open.set(id, { tag: ticket.tag, expiresAtMs, issuedAtMs, scopes, live: { ticket, key } })
    return ticket
  }

  /**
   * Reserves a use for `peer`, together with what `also` writes. The same peer again gets the same reservation; `also` runs then too, told
   * by its argument which pact it is. None when the ticket is expired, spent or unknown.
   *
   * Of a ticket of many uses that are all taken, one that was reserved for `reservationMs` and never spent goes to who comes now, and the
   * contact that was written with it goes: so whoever has seen the ticket cannot take all its uses by a message each.
   */
  async reserve(
    tag: Uint8Array,
    peer: PeerId,
    freshPactId: string,
    also: (pactId: string, transaction: StoreTransaction) => Promise<void>,
  ): Promise<Reservation | undefined> {
    const id = toBase64url(tag)
    const { runtime } = this.#identity
    return this.#write(async (transaction) => {
      const record = (await transaction.get('tickets', id)) as TicketRecord | undefined
      if (!record || record.expiresAtMs <= runtime.now()) return undefined
      let redemption = record.redemptions.find((other) => other.peer === peer)
      if (redemption?.spent) return undefined
      let overdue: Redemption | undefined
      if (!redemption) {
        if (record.redemptions.length >= record.uses) {
          const dueMs = runtime.now() - reservationMs
          overdue = record.redemptions.find(({ spent, atMs = 0 }) => !spent && atMs <= dueMs)
          if (record.uses === 1 || !overdue) return undefined
          record.redemptions.splice(record.redemptions.indexOf(overdue), 1)
          await transaction.delete('contacts', overdue.pactId)
        }
        redemption = { peer, pactId: freshPactId, spent: false, atMs: runtime.now() }
        record.redemptions.push(redemption)
        await transaction.put('tickets', id, record)
      }
      await also(redemption.pactId, transaction)
      return overdue ? { ...redemption, overtaken: overdue.pactId } : redemption
    })
  }

  /** Marks the use of `pactId` spent, together with what `also` writes. */
  async spend(tag: Uint8Array, pactId: string, also: Also): Promise<void> {
    const id = toBase64url(tag)
    const finished = await this.#write(async (transaction) => {
      const record = (await transaction.get('tickets', id)) as TicketRecord | undefined
      await also(transaction)
      if (!record) return false
      record.redemptions = record.redemptions.map((redemption) =>
        redemption.pactId === pactId ? { ...redemption, spent: true } : redemption,
      )
      const allSpent =
        record.redemptions.length >= record.uses && record.redemptions.every(({ spent }) => spent)
      if (allSpent) record.secrets = null
      await transaction.put('tickets', id, record)
      return allSpent
    })
    const open = this.#open.get(id)
    if (finished && open) this.#open.set(id, { ...open, live: null })
  }

  /** Destroys a ticket before its time. Who has redeemed it already stays a contact. */
  async withdraw(tag: Uint8Array): Promise<void> {
    await this.#delete(toBase64url(tag))
  }

  /** Forgets what has expired; returns those tickets. */
  async prune(): Promise<OpenTicket[]> {
    const now = this.#identity.runtime.now()
    const expired = [...this.#open].filter(([, { expiresAtMs }]) => expiresAtMs <= now)
    for (const [key] of expired) await this.#delete(key)
    return expired.map(([, open]) => open)
  }

  async #delete(key: string): Promise<void> {
    this.#open.delete(key)
    await this.#write((transaction) => transaction.delete('tickets', key))
  }

  #write<T>(work: (transaction: StoreTransaction) => Promise<T>): Promise<T> {
    const scope = ['tickets', 'contacts', 'peers'] as const
    return this.#identity.store.transaction(scope, strictWrite, work)
  }

  async #read(key: string, record: TicketRecord): Promise<OpenTicket> {
    const { expiresAtMs, issuedAtMs = 0, scopes = everything, secrets } = record
    const tag = fromBase64url(key)
    if (secrets === null) return { tag, expiresAtMs, issuedAtMs, scopes, live: null }
    const opened = await this.#identity.keystore.unseal(sealName(key), secrets)
    const fields = new Fields(decode(opened), 2, 'storage-failed')
    const ticket = Ticket.fromBytes(fields.bytes(1, opened.length), atAnyTime)
    return {
      tag,
      expiresAtMs,
      issuedAtMs,
      scopes,
      live: { ticket, key: keyPairFromSecret(fields.bytes(32)) },
    }
  }
}
