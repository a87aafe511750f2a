/**
 * The mesh: an identity's links, and how new ones come to be. `invite` makes a ticket and waits in its mailbox; `accept` uses
 * one; known contacts are called when the mesh opens and answered whenever they call. What strangers send gets silence.
 */

import { Emitter, type Unsubscribe } from '../base/emitter.ts'
import { deferred } from '../base/deferred.ts'
import { HandfastError, isNotLeading } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import type { Identity } from '../identity/identity.ts'
import { keyFromPeerId, type PeerId } from '../identity/peer-id.ts'
import { safetyNumber } from '../identity/safety-number.ts'
import type { Carrier } from '../link/carrier.ts'
import { Link } from '../link/link.ts'
import { Ticket } from '../ticket/ticket.ts'
import { unlessAborted } from '../link/within.ts'
import { Leader } from './leader.ts'
import type { AcceptOptions, InviteOptions, MeshEvents, MeshOptions } from './options.ts'
import type { PathState } from './paths.ts'
import type { Role } from './role.ts'
import { Roles } from './roles.ts'
import { openTabHub, type TabHub } from './tab-hub.ts'

const runBytes = 16

export class Mesh {
  readonly #identity: Identity
  readonly #links = new Map<PeerId, Link>()
  readonly #emitter = new Emitter<MeshEvents>()
  readonly #closing = new AbortController()
  #closeRole: () => Promise<void> = async () => {}
  #role!: Role
  /** Resolves with the next role. */
  #moved = deferred<void>()
  #closed: Promise<void> | undefined

  private constructor(identity: Identity) {
    this.#identity = identity
  }

  /**
   * Opens the mesh of an identity and calls its contacts. Where several tabs of a browser have the same identity open, one of them leads
   * and the others work through it; when it ends or hangs another does, and nothing is lost.
   * @throws HandfastError `identity-in-use`, `invalid-argument`, `storage-failed`, `unsupported`
   */
  static async open(options: MeshOptions): Promise<Mesh> {
    const { identity, idleTimeoutMs = limits.defaultIdleTimeoutMs } = options
    if (!(idleTimeoutMs >= limits.minIdleTimeoutMs && idleTimeoutMs <= limits.maxIdleTimeoutMs)) {
      throw new HandfastError('invalid-argument', 'idleTimeoutMs is from 1 second to 24 hours')
    }
    const release = identity.occupy()
    try {
      const mesh = new Mesh(identity)
      const close = await mesh.#begin(options)
      mesh.#closeRole = () => close().then(release)
      return mesh
    } catch (error) {
      release()
      throw error
    }
  }

  /** Returns how to end. */
  async #begin(options: MeshOptions): Promise<() => Promise<void>> {
    const { identity } = options
    const hub = options.tabs ?? (await hubOf(identity))
    if (hub) {
      const roles = await Roles.open(options, hub, (role) => this.#use(role))
      return () => roles.close()
    }
    const run = identity.runtime.randomBytes(runBytes)
    const leader = await Leader.open(options, { run })
    leader.begin()
    this.#use(leader)
    return () => leader.close()
  }

  get peer(): PeerId {
    return this.#identity.peer
  }

  /** One link a proven contact. */
  get links(): ReadonlyMap<PeerId, Link> {
    return this.#links
  }

  /** The signaling paths and how they stand. */
  get signaling(): readonly PathState[] {
    return this.#role.signaling
  }

  on<K extends keyof MeshEvents>(
    event: K,
    listener: (...args: MeshEvents[K]) => void,
  ): Unsubscribe {
    return this.#emitter.on(event, listener)
  }

  /**
   * Makes a ticket. Whoever redeems it in time becomes a link (event `link`).
   * @throws HandfastError `invalid-argument`, `bad-key`, `queue-full`, `storage-failed`, `closed`
   */
  async invite(options: InviteOptions = {}): Promise<Ticket> {
    return this.#ask((role, signal) => role.invite(options, signal))
  }

  /** One's own tickets that can still be used, also from before a reload. */
  get tickets(): readonly Ticket[] {
    return this.#role.tickets
  }

  /** Withdraws a ticket. Who has redeemed it already stays a contact. */
  async withdraw(ticket: Ticket): Promise<void> {
    await this.#ask((role, signal) => role.withdraw(ticket.tag, signal))
  }

  /**
   * Redeems a ticket, given as text, link or object. Resolves when the peer is proven and the contact is kept.
   * @throws HandfastError `bad-ticket`, `ticket-expired`, `ticket-wrong-party`, `timeout` (also for a spent ticket: its issuer
   * stays silent), `transport-failed`, `storage-failed`, `closed`; the reason of `signal`
   */
  async accept(ticket: Ticket | string, options: AcceptOptions = {}): Promise<Link> {
    this.#closing.signal.throwIfAborted()
    const { runtime } = this.#identity
    const parsed = typeof ticket === 'string' ? Ticket.parse(ticket, runtime.now() / 1000) : ticket
    const served = deferred<void>()
    try {
      const peer = await this.#ask((role) => role.accept(parsed, options, served.promise))
      // Whoever waits for this link sets its handlers first.
      runtime.setTimer(0, () => served.resolve())
      return this.#links.get(peer)!
    } catch (error) {
      served.resolve()
      throw error
    }
  }

  /**
   * One's address card as text: where contacts find this device from now on. They get it on every session by themselves; by hand it
   * helps those that know only relays that are gone. It holds no secret.
   */
  async card(): Promise<string> {
    return this.#ask((role, signal) => role.card(signal))
  }

  /**
   * Takes note of a contact's address card, got by hand, and calls it there. Resolves when that is stored.
   * @throws HandfastError `bad-card` (not a card, forged, of nobody known, or older than the one that is known), `storage-failed`,
   * `closed`
   */
  async readCard(text: string): Promise<Link> {
    return this.#links.get(await this.#ask((role, signal) => role.readCard(text, signal)))!
  }

  /**
   * Forgets a contact: ends its session, and answers it no more. Messages that wait for it are lost.
   * @throws HandfastError `storage-failed`
   */
  async forget(peer: PeerId): Promise<void> {
    await this.#ask((role, signal) => role.forget(peer, signal))
  }

  /** Ends all sessions, keeps all contacts. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    this.#closing.abort(new HandfastError('closed', 'The mesh is closed'))
    await this.#closeRole()
    this.#links.clear()
    this.#emitter.clear()
  }

  // ── The role of this tab ─────────────────────────────────────────────────────────────────────────

  #use(role: Role): void {
    this.#role = role
    role.on('link', (peer, carrier) => this.#show(peer, carrier))
    role.on('forgotten', (peer) => this.#forget(peer))
    role.on('signaling', () => this.#emitter.emit('signaling'))
    role.on('clock-skew', (skewMs) => this.#emitter.emit('clock-skew', skewMs))
    for (const [peer, carrier] of role.links) this.#show(peer, carrier)
    for (const [peer, link] of this.#links) {
      if (role.links.has(peer)) continue
      this.#forget(peer)
      link.end()
    }
    this.#moved.resolve()
    this.#moved = deferred()
  }

  #forget(peer: PeerId): void {
    if (this.#links.delete(peer)) this.#emitter.emit('forgotten', peer)
  }

  #show(peer: PeerId, carrier: Carrier): void {
    const known = this.#links.get(peer)
    if (known) return known.use(carrier)
    const { publicKey, runtime } = this.#identity
    const number = safetyNumber(publicKey, keyFromPeerId(peer))
    const link = new Link({ peer, safetyNumber: number, runtime, carrier })
    this.#links.set(peer, link)
    this.#emitter.emit('link', link)
  }

  /** By the role of this tab; by the next, where this one is over before anything has come of it. */
  async #ask<T>(work: (role: Role, signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal } = this.#closing
    for (;;) {
      signal.throwIfAborted()
      const role = this.#role
      try {
        return await work(role, signal)
      } catch (error) {
        if (!isNotLeading(error)) throw error
        if (this.#role === role) await unlessAborted(signal, this.#moved.promise)
      }
    }
  }
}

/** Nothing where an identity is one tab's own: on a store that the application brought, or without what tabs need to agree. */
async function hubOf({ database, runtime }: Identity): Promise<TabHub | undefined> {
  if (database === undefined) return undefined
  try {
    return await openTabHub(database, runtime)
  } catch (error) {
    if (error instanceof HandfastError && error.code === 'unsupported') return undefined
    throw error
  }
}
