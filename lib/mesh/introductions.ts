/**
 * Introductions: contacts that are connected pass packets between their contacts, so that two who have lost every relay in common find each
 * other through a third. One's mailboxes of contacts are listened at wherever one is connected; a call goes that way only when it
 * was not answered otherwise, and then what follows goes through the one contact that brought the answer.
 */

import { equalBytes } from '../base/bytes.ts'
import { reportError, type Unsubscribe } from '../base/emitter.ts'
import {
  introduceAfterMs,
  introductionBurst,
  introductionsPerS,
  maxIntroducers,
} from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import { TokenBucket } from '../base/token-bucket.ts'
import type { PeerId } from '../identity/peer-id.ts'
import type { SignalPart } from '../link/conversation.ts'
import { tagKey } from '../signaling/mailboxes.ts'
import type { PacketListener, Signaling } from '../signaling/signaling.ts'
import { Introducer, type IntroducerOptions } from './introducer.ts'

interface Acquaintance {
  /** One with each of its devices that is there; two for a moment, when one replaces the other. */
  readonly sessions: Set<Introducer>
  /** Where it listened when its last session ended. None once it has been called for that: who does not come is away. */
  parted: ReadonlySet<string> | undefined
  /** What it has us hand on, and what it hands on to us; whatever the number of its sessions. */
  readonly published: TokenBucket
  readonly delivered: TokenBucket
}

interface Mailbox {
  readonly tag: Uint8Array
  /** Who is to find us there. */
  readonly peer: PeerId
  readonly receive: (packet: Uint8Array, signaling: Signaling) => void
  readonly leave: Map<Introducer, Unsubscribe>
}

export interface IntroductionsOptions {
  readonly runtime: Runtime
  /** Dials a contact, unless there is a session. */
  readonly call: (peer: PeerId) => void
}

export class Introductions {
  readonly #options: IntroductionsOptions
  readonly #acquaintances = new Map<PeerId, Acquaintance>()
  readonly #mailboxes = new Set<Mailbox>()
  /** Through whom one listens, at most `maxIntroducers`; others take the place of those that leave. */
  readonly #heard = new Map<Introducer, PeerId>()
  /** Calls under way that go through others. */
  readonly #detours = new Set<Detour>()

  constructor(options: IntroductionsOptions) {
    this.#options = options
  }

  /** The part of one session with a contact. Nothing is said before `begin`. */
  session(peer: PeerId, send: IntroducerOptions['send']): SignalPart {
    const acquaintance = this.#acquaintance(peer)
    const { sessions, published, delivered } = acquaintance
    const isWithin = (budget: TokenBucket) => budget.take(this.#options.runtime.monotonicNow())
    const introducer = new Introducer({
      send,
      handOn: (tag, packet) => {
        const isKnown = this.#acquaintances.get(peer) === acquaintance
        if (isKnown && isWithin(published)) this.#handOn(peer, tag, packet)
      },
      takes: () => isWithin(delivered),
    })
    return {
      take: (record) => introducer.take(record),
      begin: () => {
        if (this.#acquaintances.get(peer) !== acquaintance) return
        sessions.add(introducer)
        acquaintance.parted = undefined
        this.#hear(introducer, peer)
        for (const detour of this.#detours) detour.meet(peer, introducer)
      },
      close: () => {
        if (!sessions.delete(introducer)) return
        if (sessions.size === 0) acquaintance.parted = introducer.tags
        for (const { leave } of this.#mailboxes) leave.delete(introducer)
        introducer.close().catch(reportError)
        if (!this.#heard.delete(introducer)) return
        for (const [other, { sessions: rest }] of this.#acquaintances) {
          for (const next of rest) this.#hear(next, other)
        }
      },
    }
  }

  /** Listens at a mailbox through connected contacts, but not the one it is for. */
  listen(tag: Uint8Array, peer: PeerId, receive: Mailbox['receive']): Unsubscribe {
    const mailbox: Mailbox = { tag, peer, receive, leave: new Map() }
    this.#mailboxes.add(mailbox)
    for (const [introducer, other] of this.#heard) listenAt(introducer, other, mailbox)
    return () => {
      this.#mailboxes.delete(mailbox)
      for (const leave of mailbox.leave.values()) leave()
    }
  }

  #hear(introducer: Introducer, peer: PeerId): void {
    if (this.#heard.has(introducer) || this.#heard.size >= maxIntroducers) return
    this.#heard.set(introducer, peer)
    for (const mailbox of this.#mailboxes) listenAt(introducer, peer, mailbox)
  }

  /** The paths of one call to the mailbox `tag` of a contact: `route`, and if that is not enough, the other contacts. */
  detour(route: Signaling, peer: PeerId, tag: Uint8Array): Signaling {
    const { runtime } = this.#options
    const begunAtMs = runtime.monotonicNow()
    const detour: Detour = new Detour({
      route,
      peer,
      tag,
      isDue: () => runtime.monotonicNow() - begunAtMs >= introduceAfterMs,
      introducers: () => {
        this.#detours.add(detour)
        return this.#introducersTo(peer)
      },
      onEnd: () => this.#detours.delete(detour),
    })
    return detour
  }

  /** The contact is no more. */
  forget(peer: PeerId): void {
    this.#acquaintances.delete(peer)
  }

  #acquaintance(peer: PeerId): Acquaintance {
    const known = this.#acquaintances.get(peer)
    if (known) return known
    const nowMs = this.#options.runtime.monotonicNow()
    const budget = () => new TokenBucket(introductionBurst, introductionsPerS, nowMs)
    const acquaintance: Acquaintance = {
      sessions: new Set(),
      parted: undefined,
      published: budget(),
      delivered: budget(),
    }
    this.#acquaintances.set(peer, acquaintance)
    return acquaintance
  }

  /** To whoever else listens there. One that has hung up is called: its caller tries again. */
  #handOn(from: PeerId, tag: Uint8Array, packet: Uint8Array): void {
    const key = tagKey(tag)
    for (const [peer, acquaintance] of this.#acquaintances) {
      if (peer === from) continue
      for (const introducer of acquaintance.sessions) {
        if (introducer.tags.has(key)) introducer.deliver(tag, packet)
      }
      if (acquaintance.parted?.has(key)) this.#callBack(peer, acquaintance)
    }
  }

  /** All that are connected. Those that have hung up are called, and may serve the next time. */
  #introducersTo(sought: PeerId): Introducer[] {
    const others = [...this.#acquaintances].filter(([peer]) => peer !== sought)
    for (const [peer, acquaintance] of others) {
      if (acquaintance.parted) this.#callBack(peer, acquaintance)
    }
    return others.flatMap(([, { sessions }]) => [...sessions])
  }

  #callBack(peer: PeerId, acquaintance: Acquaintance): void {
    acquaintance.parted = undefined
    this.#options.call(peer)
  }
}

function listenAt(introducer: Introducer, peer: PeerId, mailbox: Mailbox): void {
  // A contact needs nobody to be found by.
  if (peer === mailbox.peer) return
  const receive: PacketListener = (packet) => mailbox.receive(packet, introducer)
  mailbox.leave.set(introducer, introducer.subscribe(mailbox.tag, receive))
}

interface DetourOptions {
  readonly route: Signaling
  /** Who is called, and where. */
  readonly peer: PeerId
  readonly tag: Uint8Array
  /** Whether the call has been in vain for long enough. */
  readonly isDue: () => boolean
  /** Those that there are; `meet` is called for each that comes, until the end. */
  readonly introducers: () => Introducer[]
  readonly onEnd: () => void
}

class Detour implements Signaling {
  readonly #options: DetourOptions
  /** What is listened at, with how to stop. */
  readonly #listening = new Map<PacketListener, { tag: Uint8Array; leave: Unsubscribe[] }>()
  readonly #asked = new Set<Introducer>()
  /** The call, as it went out. */
  #packet: Uint8Array | undefined
  /** Who has brought something. */
  #via: Introducer | undefined

  constructor(options: DetourOptions) {
    this.#options = options
  }

  subscribe(tag: Uint8Array, listener: PacketListener): Unsubscribe {
    const leave = [this.#options.route.subscribe(tag, listener)]
    this.#listening.set(listener, { tag, leave })
    return () => {
      this.#listening.delete(listener)
      for (const each of leave) each()
      if (this.#listening.size === 0) this.#options.onEnd()
    }
  }

  async publish(tag: Uint8Array, packet: Uint8Array): Promise<number> {
    const { route, tag: called, isDue, introducers } = this.#options
    if (!equalBytes(tag, called)) send(this.#via, tag, packet)
    else if (isDue()) {
      this.#packet = packet
      for (const introducer of introducers()) this.#ask(introducer)
    }
    return route.publish(tag, packet)
  }

  /** A contact is connected now: it need not wait for the next repetition. */
  meet(peer: PeerId, introducer: Introducer): void {
    if (peer !== this.#options.peer) this.#ask(introducer)
  }

  /** Nothing of its own is open. */
  async close(): Promise<void> {}

  /** Has the call handed on, and listens for the answer there, too. */
  #ask(introducer: Introducer): void {
    const isNew = !this.#asked.has(introducer)
    this.#asked.add(introducer)
    for (const [listener, { tag, leave }] of isNew ? this.#listening : []) {
      const receive: PacketListener = (packet) => {
        this.#via = introducer
        listener(packet, introducer)
      }
      try {
        leave.push(introducer.subscribe(tag, receive))
      } catch {
        // No room for another tag there.
      }
    }
    send(introducer, this.#options.tag, this.#packet!)
  }
}

/** A session that has just ended carries nothing. */
function send(introducer: Introducer | undefined, tag: Uint8Array, packet: Uint8Array): void {
  introducer?.publish(tag, packet).catch(() => {})
}
