/**
 * Answering strangers: the addresses of this device, their mailboxes, and what becomes of the questions that come there. Whatever is
 * wrong with one is met with silence, after one key agreement at most; so is what goes beyond a budget, which its asker repeats.
 */

import { equalBytes, toBase64url } from '../base/bytes.ts'
import { reportError, type Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import { isAllowedRelayUrl } from '../base/relay-url.ts'
import { blake2b } from '../crypto/hash.ts'
import { atAnyTime, verifyChain } from '../identity/certificate.ts'
import type { Identity } from '../identity/identity.ts'
import { unlessAborted, within } from '../link/within.ts'
import type { Intake } from '../session/intake.ts'
import { isQuerySize, readQuery, type OpenedQuery, type QueryFailure } from '../session/query.ts'
import { Gate } from '../signaling/gate.ts'
import * as packetKinds from '../signaling/packet-kinds.ts'
import { parsePacket, type Packet } from '../signaling/packets.ts'
import type { Signaling } from '../signaling/signaling.ts'
import { takeRecords } from '../storage/reading.ts'
import { strictWrite, type StoreTransaction } from '../storage/store.ts'
import { Address } from '../ticket/address.ts'
import type { Answering } from './answers.ts'
import type { AddressOptions } from './options.ts'
import type { Paths } from './paths.ts'

export interface QueriesOptions {
  readonly identity: Identity
  readonly network: Uint8Array
  readonly relays: readonly string[]
  readonly paths: Paths
  readonly intake: Intake
}

const hashBytes = 16

/** Records of table `keys`; nothing in them is secret. */
const recordPrefix = 'address/'
const recordKey = (tag: Uint8Array) => recordPrefix + toBase64url(tag)

export class Queries {
  readonly #options: QueriesOptions
  /** How to close the mailbox of each, once it is open. */
  readonly #addresses = new Map<Address, Unsubscribe>()
  /** Who answers: the first that has the method. */
  readonly #tabs: Answering[] = []
  /** By hash, the oldest first: those being handled and those answered. */
  readonly #known = new Set<string>()
  /** The packets that answered them, as far as there is room. */
  readonly #answers = new Map<string, Uint8Array>()
  #answerBytes = 0
  readonly #running = new Set<AbortController>()
  #isListening = false
  /** Until then tabs and handlers come that have not said so yet; monotonic. */
  #settledAtMs = Infinity

  private constructor(options: QueriesOptions) {
    this.#options = options
  }

  /** Reads the addresses. @throws HandfastError `storage-failed` */
  static async open(options: QueriesOptions): Promise<Queries> {
    const queries = new Queries(options)
    const take = (_: string, value: unknown) =>
      queries.#addresses.set(Address.fromBytes(value as Uint8Array, atAnyTime), () => {})
    await takeRecords(options.identity.store, 'keys', 'record', take, recordPrefix)
    return queries
  }

  get addresses(): readonly Address[] {
    return [...this.#addresses.keys()]
  }

  /** Listens from now on. */
  begin(): void {
    this.#isListening = true
    this.#settledAtMs = this.#options.identity.runtime.monotonicNow() + limits.answersSettleMs
    for (const address of this.#addresses.keys()) this.#listen(address)
  }

  /** @throws HandfastError `invalid-argument`, `queue-full`, `bad-certificate`, `storage-failed` */
  async publish({
    expiresInMs = limits.defaultAddressLifetimeMs,
  }: AddressOptions): Promise<Address> {
    const { identity, relays } = this.#options
    if (!(expiresInMs >= 1 && expiresInMs <= limits.maxAddressLifetimeMs)) {
      throw new HandfastError('invalid-argument', 'A limit of AddressOptions')
    }
    const { runtime, chain } = identity
    const endS = Math.ceil((runtime.now() + expiresInMs) / 1000)
    const address = await Address.sign(identity, {
      tag: runtime.randomBytes(limits.tagBytes),
      relays: relays.filter(isAllowedRelayUrl).slice(0, limits.maxAddressRelays),
      // Nobody would take it for longer than the certificates that it shows.
      expiresS: Math.min(endS, verifyChain(chain, runtime.now() / 1000).notAfterS),
    })
    if (this.#addresses.size >= limits.maxAddresses) {
      throw new HandfastError('queue-full', `${limits.maxAddresses} addresses are published`)
    }
    this.#addresses.set(address, () => {})
    try {
      await this.#write((keys) => keys.put('keys', recordKey(address.tag), address.bytes))
    } catch (error) {
      this.#addresses.delete(address)
      throw error
    }
    this.#listen(address)
    return address
  }

  /** Nobody answers there any more. */
  async withdraw(tag: Uint8Array): Promise<void> {
    const address = this.addresses.find((each) => equalBytes(each.tag, tag))
    if (!address) return
    this.#addresses.get(address)!()
    this.#addresses.delete(address)
    await this.#write((keys) => keys.delete('keys', recordKey(tag)))
  }

  /** Withdraws what has expired. */
  async prune(): Promise<void> {
    for (const { tag, expiresAt } of this.addresses) {
      if (expiresAt.getTime() <= this.#options.identity.runtime.now()) await this.withdraw(tag)
    }
  }

  /** A tab that answers: before all others, or after them. Returns how to leave it out again. */
  add(tab: Answering, place: 'first' | 'last'): Unsubscribe {
    if (place === 'first') this.#tabs.unshift(tab)
    else this.#tabs.push(tab)
    return () => {
      const at = this.#tabs.indexOf(tab)
      if (at >= 0) this.#tabs.splice(at, 1)
    }
  }

  close(): void {
    this.#isListening = false
    for (const close of this.#addresses.values()) close()
    for (const controller of this.#running) controller.abort(new HandfastError('closed'))
  }

  #write(work: (transaction: StoreTransaction) => Promise<void>): Promise<void> {
    const { store } = this.#options.identity
    return store.transaction(['keys'], strictWrite, work)
  }

  // ── What comes ───────────────────────────────────────────────────────────────────────────────────

  /** Each path has a budget of its own: one that floods starves none of the others. */
  #listen(address: Address): void {
    if (!this.#isListening || !this.#addresses.has(address)) return
    const { identity, paths } = this.#options
    const gates = paths.through([]).paths.map(
      (path) =>
        new Gate({
          runtime: identity.runtime,
          bounds: {
            burst: limits.addressBurst,
            perSecond: limits.addressPacketsPerS,
            maxExcess: limits.maxExcessQueries,
          },
          enter: (listener) => path.subscribe(address.tag, listener),
          receive: (packet) => this.#receive(address, path, packet),
          onFlood: () => paths.reportFlood(path),
        }),
    )
    this.#addresses.set(address, () => {
      for (const gate of gates) gate.close()
    })
  }

  #receive(address: Address, path: Signaling, bytes: Uint8Array): void {
    if (!isQuerySize(bytes.length)) return
    const { identity, intake } = this.#options
    const packet = parsePacket(bytes)
    if (packet?.kind !== packetKinds.query || !equalBytes(packet.tag, address.tag)) return
    if (address.expiresAt.getTime() <= identity.runtime.now()) return
    const mailbox = toBase64url(address.tag)
    intake.put({ from: 'asker', path, mailbox }, () => this.#open(packet, bytes, path))
  }

  #open(packet: Packet, bytes: Uint8Array, path: Signaling): void {
    const { identity, network } = this.#options
    const key = toBase64url(blake2b(bytes, hashBytes))
    const answer = this.#answers.get(key)
    if (answer) return this.#send(path, answer)
    const isFull = this.#running.size >= limits.maxConcurrentQueries
    if (this.#known.has(key) || isFull || !this.#isListening) return
    try {
      const query = readQuery(identity, network, packet)
      this.#remember(key)
      void this.#answer(query, key, path)
    } catch {
      // Silence, whatever it was.
    }
  }

  async #answer(query: OpenedQuery, key: string, path: Signaling): Promise<void> {
    try {
      const outcome = await this.#run(query)
      const answer = await query.answer(outcome).catch((error: unknown) => {
        if (!(error instanceof HandfastError) || error.code !== 'invalid-argument') throw error
        reportError(error)
        return query.answer('request-failed')
      })
      if (!this.#isListening) return
      this.#keep(key, answer)
      this.#send(path, answer)
    } catch {
      // Whoever was to answer is gone, or has had enough for now: it may be asked again.
      this.#known.delete(key)
    }
  }

  /** @throws HandfastError what is to be met with silence */
  async #run({ method, params }: OpenedQuery): Promise<{ result: unknown } | QueryFailure> {
    const tab = this.#tabs.find(({ methods }) => methods.includes(method))
    const { runtime } = this.#options.identity
    if (!tab) {
      if (runtime.monotonicNow() >= this.#settledAtMs) return 'no-handler'
      throw new HandfastError('no-handler')
    }
    const timeoutMs = limits.queryHandlingMs
    return within(runtime, { timeoutMs }, this.#running, async (signal) => {
      try {
        return { result: await unlessAborted(signal, tab.run(method, params, signal)) }
      } catch (error) {
        const code = error instanceof HandfastError && error.code
        if (code === 'no-handler' || code === 'request-failed') return code
        throw error
      }
    })
  }

  #send(path: Signaling, answer: Uint8Array): void {
    path.publish(parsePacket(answer)!.tag, answer).catch(() => {})
  }

  #remember(key: string): void {
    this.#known.add(key)
    for (const oldest of this.#known) {
      if (this.#known.size <= limits.maxKnownQueries) return
      this.#known.delete(oldest)
    }
  }

  #keep(key: string, answer: Uint8Array): void {
    this.#answers.set(key, answer)
    this.#answerBytes += answer.length
    for (const [oldest, { length }] of this.#answers) {
      if (this.#answerBytes <= limits.maxKeptAnswerBytes) return
      this.#answers.delete(oldest)
      this.#answerBytes -= length
    }
  }
}
