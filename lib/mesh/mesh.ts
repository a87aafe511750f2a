/**
 * The mesh: an identity's links, and how new ones come to be. `invite` makes a ticket and waits in its mailbox; `accept` uses
 * one; known contacts are called when the mesh opens and answered whenever they call. What strangers send gets silence.
 */

/// <reference lib="esnext.disposable" preserve="true" />

import { toBase64url } from '../base/bytes.ts'
import { Emitter, type Unsubscribe } from '../base/emitter.ts'
import { deferred } from '../base/deferred.ts'
import { failAs, HandfastError, isNotLeading } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import { rootIssuer } from '../identity/certificate.ts'
import { writeBackup } from '../identity/backup.ts'
import type { Identity } from '../identity/identity.ts'
import type { RootSource } from '../identity/options.ts'
import { keyFromPeerId, parsePeerId, type PeerId } from '../identity/peer-id.ts'
import { excludes, signRevocations } from '../identity/revocations.ts'
import type { VerifiedMessage } from '../identity/signed-message.ts'
import { safetyNumber } from '../identity/safety-number.ts'
import { givenScopes } from '../identity/scopes.ts'
import type { Carrier } from '../link/carrier.ts'
import type { RequestHandler } from '../link/calls.ts'
import { Link } from '../link/link.ts'
import { nobody } from '../link/person.ts'
import { unlessAborted } from '../link/within.ts'
import { dayMs } from '../session/pact.ts'
import { Address } from '../ticket/address.ts'
import { Ticket } from '../ticket/ticket.ts'
import { Answers } from './answers.ts'
import { Leader } from './leader.ts'
import type { SecurityEvent, SecurityLogOptions } from './journal.ts'
import type { OwnDevice } from './known.ts'
import type { Pairing } from './pairing.ts'
import type {
  AcceptOptions,
  AddressOptions,
  AnswerOptions,
  BackupOptions,
  InviteOptions,
  MeshEvents,
  MeshOptions,
} from './options.ts'
import type { PathState } from './paths.ts'
import { isExpiring } from './renewal.ts'
import type { Role } from './role.ts'
import { Roles } from './roles.ts'
import type { MeshStats } from './stats.ts'
import { openTabHub, type TabHub } from './tab-hub.ts'
import type { TaskResult, Tasks } from './tasks.ts'
import type { TraceEvent } from './trace.ts'
import { logTrace } from './trace-switch.ts'
import { Tracer } from './tracer.ts'

const runBytes = 16

/** An identity's links to others, and how new ones come to be. Open it with `Mesh.open`; one for each identity and tab. */
export class Mesh {
  readonly #identity: Identity
  readonly #links = new Map<PeerId, Link>()
  readonly #pairings = new Map<string, Pairing>()
  readonly #emitter = new Emitter<MeshEvents>()
  readonly #closing = new AbortController()
  readonly #answers: Answers
  readonly #tracer: Tracer
  readonly #openedAtMs: number
  #closeRole: () => Promise<void> = async () => {}
  #role!: Role
  /** Resolves with the next role. */
  #moved = deferred<void>()
  #cancelWatch = () => {}
  #closed: Promise<void> | undefined

  private constructor(identity: Identity) {
    this.#identity = identity
    this.#openedAtMs = identity.runtime.now()
    this.#tracer = new Tracer(identity.runtime)
    this.#answers = new Answers(identity.runtime)
  }

  /**
   * Opens the mesh of an identity and calls its contacts. Where several tabs of a browser have the same identity open, one of them leads
   * and the others work through it; when it ends or hangs another does, and nothing is lost.
   * @throws HandfastError `identity-in-use`, `invalid-argument`, `locked`, `storage-failed`, `unsupported`
   */
  static async open(options: MeshOptions): Promise<Mesh> {
    const { identity, relays = [], idleTimeoutMs = limits.defaultIdleTimeoutMs } = options
    // Before anything is taken or opened, in words, for whoever has no compiler to tell them.
    if (typeof identity?.occupy !== 'function') {
      throw new HandfastError('invalid-argument', 'identity is what Identity.open resolves with')
    }
    if (!Array.isArray(relays) || !relays.every((url) => typeof url === 'string')) {
      throw new HandfastError('invalid-argument', 'relays is an array of URLs')
    }
    if (!(idleTimeoutMs >= limits.minIdleTimeoutMs && idleTimeoutMs <= limits.maxIdleTimeoutMs)) {
      throw new HandfastError('invalid-argument', 'idleTimeoutMs is from 1 second to 24 hours')
    }
    const release = identity.occupy()
    try {
      const mesh = new Mesh(identity)
      const close = await mesh.#begin(options)
      mesh.#closeRole = () => close().then(release)
      // Whichever tab leads writes it down.
      const stop = identity.on('security', (kind) => {
        mesh.#do('note', kind, {}).catch(() => {})
      })
      mesh.#watchCertificate()
      const unwatch = identity.on('certificate', () => mesh.#watchCertificate())
      mesh.#closing.signal.addEventListener('abort', () => (stop(), unwatch()))
      return mesh
    } catch (error) {
      release()
      throw error
    }
  }

  /** Returns how to end. */
  async #begin(given: MeshOptions): Promise<() => Promise<void>> {
    const { identity } = given
    const options = { ...given, tracer: this.#tracer }
    await logTrace(this.#tracer)
    const hub = given.tabs ?? (await hubOf(identity))
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

  /** Who one is oneself. */
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

  /** Calls `listener` at every such event from now on; links that are there already are in `links`. Returns the way to stop. */
  on<K extends keyof MeshEvents>(
    event: K,
    listener: (...args: MeshEvents[K]) => void,
  ): Unsubscribe {
    if (event === 'trace') return this.#tracer.on(listener as (event: TraceEvent) => void)
    return this.#emitter.on(event, listener)
  }

  /**
   * Makes a ticket. Whoever redeems it in time becomes a link (event `link`).
   * @throws HandfastError `invalid-argument`, `bad-key`, `queue-full`, `storage-failed`, `closed`, `locked`, `certificate-expired`, `forbidden`
   */
  async invite(options: InviteOptions = {}): Promise<Ticket> {
    this.#identity.assertUsable()
    return Ticket.read(await this.#do('invite', { ...options }), this.#nowS)
  }

  /** One's own tickets that can still be used, also from before a reload. */
  get tickets(): readonly Ticket[] {
    return this.#role.tickets
  }

  /** Devices that have used a ticket of purpose `device` and wait to be let in. */
  get pairings(): readonly Pairing[] {
    return [...this.#pairings.values()]
  }

  /** The devices of one's own identity that this one has heard of, this one first; revoked ones are none. */
  get devices(): readonly OwnDevice[] {
    return this.#role.devices
  }

  /**
   * Withdraws a ticket, or an address, where nobody is answered then. Who has redeemed the ticket already stays a contact.
   * @throws HandfastError `storage-failed`, `closed`
   */
  async withdraw(invitation: Ticket | Address): Promise<void> {
    await this.#do('withdraw', invitation.tag)
  }

  /**
   * Makes an address, to be published: whoever has it can `ask` what `answer` has a handler for. At most four at a time.
   * @throws HandfastError `invalid-argument`, `queue-full`, `bad-certificate`, `locked`, `revoked`, `storage-failed`, `closed`
   */
  async address(options: AddressOptions = {}): Promise<Address> {
    return Address.read(await this.#do('address', { ...options }), this.#nowS)
  }

  /** One's own addresses that are answered at, also from before a reload. */
  get addresses(): readonly Address[] {
    return this.#role.addresses
  }

  /**
   * Answers strangers' questions of one method, which come to one's addresses, from this tab. Who asks is not known and need not be the
   * same as before; a question may come again. Replaces an earlier handler.
   * @throws HandfastError `invalid-argument`
   */
  answer(method: string, handler: RequestHandler, options: AnswerOptions = {}): Unsubscribe {
    const remove = this.#answers.set(method, handler, options)
    this.#role.serve(this.#answers)
    return () => {
      remove()
      this.#role.serve(this.#answers)
    }
  }

  /**
   * Redeems a ticket, given as text, link or object. Resolves when the peer is proven and the contact is kept.
   * @throws HandfastError `bad-ticket`, `ticket-expired`, `ticket-wrong-party`, `invalid-argument`, `timeout` (also for a spent ticket: its
   * issuer stays silent), `transport-failed`, `storage-failed`, `closed`, `locked`, `certificate-expired`; the reason of `signal`
   */
  async accept(ticket: Ticket | string, options: AcceptOptions = {}): Promise<Link> {
    this.#closing.signal.throwIfAborted()
    this.#identity.assertUsable()
    const { runtime } = this.#identity
    const parsed = typeof ticket === 'string' ? Ticket.read(ticket, this.#nowS) : ticket
    if (options.scopes) givenScopes(options.scopes)
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
   * @throws HandfastError `closed`
   */
  async card(): Promise<string> {
    return this.#do('card')
  }

  /**
   * Takes note of a contact's address card, got by hand, and calls it there. Resolves when that is stored.
   * @throws HandfastError `bad-card` (not a card, forged, of nobody known, or older than the one that is known), `storage-failed`,
   * `closed`
   */
  async readCard(text: string): Promise<Link> {
    return this.#links.get(await this.#do('readCard', text))!
  }

  /**
   * Forgets a contact, on all of one's devices: ends its sessions, and answers it no more. Messages that wait for it are lost. With a ticket
   * issued from now on it may be met again, as somebody new; no earlier ticket, card or backup brings it back.
   * @throws HandfastError `invalid-argument` for oneself, `storage-failed`
   */
  async forget(peer: PeerId): Promise<void> {
    await this.#do('forget', peer, false)
  }

  /**
   * Cuts a contact off, for good: what `forget` does, and whatever its devices send later is met with silence. Nothing undoes it: no ticket,
   * no backup. Also for a peer that is no contact (yet).
   * @throws HandfastError `bad-key`, `invalid-argument` for oneself, `storage-failed`
   */
  async cutOff(peer: PeerId | string): Promise<void> {
    const id = parsePeerId(peer)
    await this.#do('forget', id, true)
  }

  /**
   * Revokes a device of this identity, for good, with whatever it has certified. Contacts and other devices that are connected end their
   * sessions with it at once, all others as soon as they are told.
   * @param deviceKey its ed25519 key, or that as base64url
   * @param source of the root, where this browser has it no more
   * @throws HandfastError `invalid-argument`, `no-root`, `bad-words`, `locked`, `exhausted` (64 were revoked), `storage-failed`
   */
  async revokeDevice(deviceKey: Uint8Array | string, source?: RootSource): Promise<void> {
    const key = failAs('invalid-argument', () => keyFromPeerId(parsePeerId(asText(deviceKey))))
    const held = await this.#do('revocations', this.peer)
    const revocations = await this.#identity.withRoot(source, (root) =>
      signRevocations(rootIssuer(root), held, [key], this.#nowS),
    )
    await this.#do('revoke', revocations)
  }

  /**
   * Whether the signer has revoked the device that signed this, or one that had certified it, as far as this identity has heard: of contacts, and of
   * oneself. Nothing proves when a thing was signed: refuse by this what is new to you, and keep what you had before you heard of it.
   * @param signed what `verifySigned` returned
   * @throws HandfastError `storage-failed`, `closed`
   */
  async hasRevoked({ peer, deviceKeys }: VerifiedMessage): Promise<boolean> {
    return excludes(await this.#do('revocations', peer), deviceKeys)
  }

  /** Whether this device is one that its identity has revoked: it reaches nobody any more. */
  get isRevoked(): boolean {
    return this.#role.revoked
  }

  /**
   * What has happened to keys, contacts and rights, the latest first: the last 500 of one's own acts, and of what others have done. The same
   * in all tabs; no secret is in it.
   * @throws HandfastError `invalid-argument`, `storage-failed`, `closed`
   */
  async securityLog(options: SecurityLogOptions = {}): Promise<SecurityEvent[]> {
    return this.#do('securityLog', options)
  }

  /**
   * How all stands, in figures: for a panel or a console. Asks peers for the round trip where that was not done for half a second, and takes
   * a second at most, or longer while no tab leads. No secret is in it.
   * @throws HandfastError `closed`
   */
  async stats(): Promise<MeshStats> {
    const stats = await this.#do('stats')
    return { ...stats, openedAtMs: this.#openedAtMs, leads: this.#role instanceof Leader }
  }

  /**
   * A backup: an age file (armored text) under a passphrase, for `Identity.restore` and every other implementation of age. It holds the
   * recovery words, where the root is kept here or given, and the contacts with their pacts; no messages. It takes a second or two,
   * in slices: that is what guessing the passphrase costs. The page is drawn meanwhile; timers and messages may wait.
   * @throws HandfastError `invalid-argument` for an empty passphrase, `locked`, `bad-words`; `bad-key` for the words of another
   * identity; `storage-failed`, `closed`
   */
  async exportBackup({ passphrase, words }: BackupOptions): Promise<string> {
    const identity = this.#identity
    identity.assertUnlocked()
    const snapshot = await this.#ask((role, signal) => role.snapshot(signal))
    // Those of another would bring back nobody.
    if (words !== undefined) await identity.withRoot({ words }, async () => {})
    const held = words ?? (await identity.words().catch(unlessNoRoot))
    const file = await writeBackup({ snapshot, ...(held && { words: held }) }, passphrase)
    this.#do('note', 'backup-made', {}).catch(() => {})
    return file
  }

  /** Ends all sessions, keeps all contacts. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  /** `close`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    this.#closing.abort(new HandfastError('closed', 'The mesh is closed'))
    this.#cancelWatch()
    await this.#closeRole()
    this.#links.clear()
    this.#emitter.clear()
    this.#tracer.close()
  }

  /** Once a day, beginning now, if it ends at all. */
  #watchCertificate(delayMs = 0): void {
    const { certificateExpiresAt: end, runtime } = this.#identity
    this.#cancelWatch()
    if (!end) return
    this.#cancelWatch = runtime.setTimer(delayMs, () => {
      if (isExpiring(this.#identity)) this.#emitter.emit('certificate-expiring', end)
      this.#watchCertificate(dayMs)
    })
  }

  // ── The role of this tab ─────────────────────────────────────────────────────────────────────────

  #use(role: Role): void {
    this.#role = role
    role.serve(this.#answers)
    role.on('link', (peer, carrier) => this.#show(peer, carrier))
    role.on('forgotten', (peer) => this.#forget(peer))
    role.on('known', (part) => {
      if (part === 'pairings') this.#showPairings(role)
      else if (part !== 'tickets' && part !== 'addresses') this.#emitter.emit(part)
    })
    role.on('person', (peer, person) => this.#links.get(peer)?.know(person))
    role.on('security', (event) => this.#emitter.emit('security', event))
    role.on('clock-skew', (skewMs) => this.#emitter.emit('clock-skew', skewMs))
    for (const [peer, carrier] of role.links) this.#show(peer, carrier)
    for (const [peer, link] of this.#links) {
      if (role.links.has(peer)) continue
      this.#forget(peer)
      link.end()
    }
    this.#showPairings(role)
    this.#moved.resolve()
    this.#moved = deferred()
  }

  #showPairings(role: Role): void {
    for (const id of this.#pairings.keys()) if (!role.pairings.has(id)) this.#pairings.delete(id)
    for (const [id, code] of role.pairings) {
      if (this.#pairings.has(id)) continue
      const settle = (isWelcome: boolean) => this.#do('settlePairing', id, isWelcome)
      this.#pairings.set(id, { code, confirm: () => settle(true), refuse: () => settle(false) })
    }
    this.#emitter.emit('pairings')
  }

  #forget(peer: PeerId): void {
    if (this.#links.delete(peer)) this.#emitter.emit('forgotten', peer)
  }

  #show(peer: PeerId, carrier: Carrier): void {
    const known = this.#links.get(peer)
    const person = this.#role.person(peer)
    if (known) {
      // A tab that has just come to follow knows nobody yet.
      if (person) known.know(person)
      return known.use(carrier)
    }
    const { publicKey, runtime } = this.#identity
    const number = safetyNumber(publicKey, keyFromPeerId(peer))
    const link = new Link({
      peer,
      safetyNumber: number,
      runtime,
      carrier,
      person: person ?? nobody,
      changePerson: (change) => this.#do('changePerson', peer, change),
    })
    this.#links.set(peer, link)
    this.#emitter.emit('link', link)
  }

  /** Unix seconds. */
  get #nowS(): number {
    return this.#identity.runtime.now() / 1000
  }

  #do<T extends keyof Tasks>(task: T, ...params: Parameters<Tasks[T]>): Promise<TaskResult<T>> {
    return this.#ask((role, signal) => role.do(task, params, signal))
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

const asText = (key: Uint8Array | string) => (typeof key === 'string' ? key : toBase64url(key))

function unlessNoRoot(error: unknown): undefined {
  if (!(error instanceof HandfastError && error.code === 'no-root')) throw error
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
