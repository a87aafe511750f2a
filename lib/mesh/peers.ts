/**
 * What belongs to a peer as a person, whichever pact or device it comes by: what the user calls it and lets it do, its devices, who of them
 * is revoked, and that it was forgotten or cut off. One record a peer, and one for the own identity: its other devices.
 */

import { Emitter, type Unsubscribe } from '../base/emitter.ts'
import {
  maxClockLeadMs,
  maxForgottenPacts,
  maxForgottenPeers,
  maxPeerRelays,
} from '../base/limits.ts'
import { atAnyTime, verifyPeerChain, type PeerBinding } from '../identity/certificate.ts'
import type { Identity } from '../identity/identity.ts'
import { keyFromPeerId, parsePeerId, type PeerId } from '../identity/peer-id.ts'
import { excludes, joinRevocations, type Revocations } from '../identity/revocations.ts'
import { everything } from '../identity/scopes.ts'
import { takeRecords } from '../storage/reading.ts'
import { strictWrite, type StoreTransaction } from '../storage/store.ts'
import {
  deviceOf,
  checked,
  keysOf,
  withoutKnowledge,
  type KnownDevice,
  type PeerRecord,
} from './peer-record.ts'

type Change = (record: PeerRecord) => PeerRecord

const table = 'peers'

interface PeersEvents {
  /** What is known of a peer is another: as it is on disk now, and as it was. */
  change: [now: PeerRecord, before: PeerRecord]
}

export class Peers {
  readonly #identity: Identity
  readonly #peers = new Map<PeerId, PeerRecord>()
  readonly #emitter = new Emitter<PeersEvents>()

  private constructor(identity: Identity) {
    this.#identity = identity
  }

  static async open(identity: Identity): Promise<Peers> {
    const peers = new Peers(identity)
    await takeRecords(identity.store, table, 'peer', (key, value) =>
      peers.#peers.set(parsePeerId(key), checked(key, value)),
    )
    return peers
  }

  onChange(listener: (...change: PeersEvents['change']) => void): Unsubscribe {
    return this.#emitter.on('change', listener)
  }

  values(): PeerRecord[] {
    return [...this.#peers.values()]
  }

  get size(): number {
    return this.#peers.size
  }

  has(peer: PeerId): boolean {
    return this.#peers.has(peer)
  }

  /** As it is on disk; of one that nothing is known of, the defaults. */
  get(peer: PeerId): PeerRecord {
    return this.#peers.get(peer) ?? withoutKnowledge(peer)
  }

  /** Unix ms; by the clock of the device that it was forgotten on. */
  get lastForgottenMs(): number {
    return this.values().reduce((last, { forgottenAtMs }) => Math.max(last, forgottenAtMs), 0)
  }

  /** Unless the peer has been cut off, or a device among these has been revoked. */
  admits(peer: PeerId, deviceKeys: readonly Uint8Array[]): boolean {
    const { cutOffAtMs, revocations } = this.get(peer)
    return cutOffAtMs === null && !excludes(revocations, deviceKeys)
  }

  deviceOf(peer: PeerId, deviceKey: Uint8Array): KnownDevice | undefined {
    return deviceOf(this.get(peer), deviceKey)
  }

  /** Where the devices of a peer listen. */
  relaysOf(peer: PeerId): readonly string[] {
    const relays = new Set(this.get(peer).devices.flatMap((device) => device.relays))
    return [...relays].slice(0, maxPeerRelays)
  }

  /** Changes a record, on disk before in use. @throws HandfastError `storage-failed` */
  async change(peer: PeerId, change: Change): Promise<PeerRecord> {
    const keep = await this.#identity.store.transaction([table], strictWrite, (transaction) =>
      this.write(peer, change, transaction),
    )
    return keep()
  }

  /** What the user says of a peer. @throws HandfastError `storage-failed` */
  say(
    peer: PeerId,
    said: Partial<Pick<PeerRecord, 'name' | 'verified' | 'scopes'>>,
  ): Promise<PeerRecord> {
    return this.change(peer, (record) => this.stamped(record, said))
  }

  /** With what the user says now: later than all that was said before, whoever's clock that was by. */
  stamped(
    record: PeerRecord,
    said: Partial<Pick<PeerRecord, 'name' | 'verified' | 'scopes'>>,
  ): PeerRecord {
    return { ...record, ...said, updatedAtMs: this.#after(record.updatedAtMs) }
  }

  /** Now, or just after that; not where a clock was far ahead, which others would not believe. */
  #after(earlierMs: number): number {
    const nowMs = this.#identity.runtime.now()
    return this.#isCredible(earlierMs) ? Math.max(nowMs, earlierMs + 1) : nowMs
  }

  #isCredible(timeMs: number): boolean {
    return timeMs <= this.#identity.runtime.now() + maxClockLeadMs
  }

  /**
   * What of that, which another device or a backup tells, is to be believed. That device may be a stolen one. It has no root: it can't part
   * the identity from itself; nor have the last word for good, by a clock far ahead; and certificates are verified.
   */
  credible(record: PeerRecord): PeerRecord {
    const { peer: own, publicKey } = this.#identity
    const { peer, peerChain, ownPeerChain, forgottenAtMs, updatedAtMs } = record
    const theirs = bindingOf(() => verifyPeerChain(peerChain, keyFromPeerId(peer), atAnyTime), own)
    const ours = bindingOf(() => verifyPeerChain(ownPeerChain, publicKey, atAnyTime), peer)
    return {
      ...record,
      peerChain: theirs ? peerChain : null,
      grantedScopes: theirs?.scopes ?? everything,
      ownPeerChain: ours ? ownPeerChain : null,
      forgottenAtMs: this.#isCredible(forgottenAtMs) ? forgottenAtMs : 0,
      // Better than nothing, for a clock may be behind here; worse than anything else that was said.
      updatedAtMs: this.#isCredible(updatedAtMs) ? updatedAtMs : 1,
      ...(peer === own ? { forgottenPacts: [], forgottenAtMs: 0, cutOffAtMs: null } : {}),
    }
  }

  /**
   * Takes note of which devices are revoked, on disk before in use. Returns whether a device is among them, or was certified by one; none
   * where the list is no news.
   */
  async revoke(received: Revocations): Promise<((deviceKey: Uint8Array) => boolean) | undefined> {
    const before = this.get(received.peer)
    if (!joinRevocations(before.revocations, received)) return undefined
    await this.change(received.peer, (record) => {
      const revocations = joinRevocations(record.revocations, received) ?? record.revocations
      const devices = record.devices.filter((device) => !excludes(revocations, keysOf(device)))
      return { ...record, revocations, devices }
    })
    return this.revokedSince(before)
  }

  /** Which of the devices that were known then are revoked by now. */
  revokedSince(before: PeerRecord): (deviceKey: Uint8Array) => boolean {
    const { revocations } = this.get(before.peer)
    return (deviceKey) => {
      const known = deviceOf(before, deviceKey)
      return excludes(revocations, known ? keysOf(known) : [deviceKey])
    }
  }

  /** As `change`, as part of a transaction. Returns what to do once that is done. */
  async write(
    peer: PeerId,
    change: Change,
    transaction: StoreTransaction,
  ): Promise<() => PeerRecord> {
    const held = await transaction.get(table, peer)
    const record = change(held === undefined ? withoutKnowledge(peer) : checked(peer, held))
    await transaction.put(table, peer, record)
    return () => {
      const before = this.get(peer)
      this.#peers.set(peer, record)
      this.#emitter.emit('change', record, before)
      return record
    }
  }

  /** Removes a record that says nothing that must last. Returns what to do once the transaction is done. */
  async drop(peer: PeerId, transaction: StoreTransaction): Promise<() => void> {
    const { forgottenAtMs, cutOffAtMs, revocations } = this.get(peer)
    if (forgottenAtMs > 0 || cutOffAtMs !== null || revocations) return () => {}
    await transaction.delete(table, peer)
    return () => void this.#peers.delete(peer)
  }

  /** Leaves of a peer that these pacts are no more; of many such peers, the latest. Returns what to do once the transaction is done. */
  async forget(
    peer: PeerId,
    pactIds: readonly string[],
    { cutOff, isContact }: { cutOff: boolean; isContact: (peer: PeerId) => boolean },
    transaction: StoreTransaction,
  ): Promise<() => void> {
    const nowMs = this.#identity.runtime.now()
    const keep = await this.write(
      peer,
      (record) => ({
        ...withoutKnowledge(peer),
        revocations: record.revocations,
        // Whoever is met anew is told what it may do; a pact that another device has made meanwhile is not.
        scopes: [],
        forgottenPacts: [...new Set([...pactIds, ...record.forgottenPacts])].slice(
          0,
          maxForgottenPacts,
        ),
        forgottenAtMs: this.#after(record.forgottenAtMs),
        cutOffAtMs: record.cutOffAtMs ?? (cutOff ? nowMs : null),
        updatedAtMs: this.#after(record.updatedAtMs),
      }),
      transaction,
    )
    const forgotten = this.values()
      .filter((other) => other.forgottenAtMs > 0 && other.cutOffAtMs === null)
      .filter((other) => other.peer !== peer && !isContact(other.peer))
      .toSorted((a, b) => b.forgottenAtMs - a.forgottenAtMs)
    const surplus = forgotten.slice(maxForgottenPeers - 1)
    for (const other of surplus) await transaction.delete(table, other.peer)
    return () => {
      keep()
      for (const other of surplus) this.#peers.delete(other.peer)
    }
  }
}

function bindingOf(verified: () => PeerBinding, of: PeerId): PeerBinding | undefined {
  try {
    const binding = verified()
    return binding.peer === of ? binding : undefined
  } catch {
    return undefined
  }
}
