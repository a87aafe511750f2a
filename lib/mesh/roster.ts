/** The sessions of each link of a mesh. Those whose contact is not proven yet are at work already, and nobody sees them. */

import type { Identity } from '../identity/identity.ts'
import type { PeerId } from '../identity/peer-id.ts'
import type { Announcements } from '../link/conversation.ts'
import type { Handover } from '../link/handover.ts'
import type { LogOptions } from '../link/log.ts'
import { Sessions, type SessionsOptions } from '../link/sessions.ts'
import type { Session } from '../session/session.ts'
import type { Contacts } from './contacts.ts'
import type { Grants } from './grants.ts'
import type { Introductions } from './introductions.ts'
import type { Note } from './journal.ts'
import type { Monitor } from './monitor.ts'
import { renewalDesk, renewCertificate } from './renewal.ts'
import { report } from './report.ts'
import type { Emit } from './role-events.ts'

/** What sessions are wired to. */
export interface RosterOptions {
  readonly identity: Identity
  readonly contacts: Contacts
  readonly log: LogOptions
  readonly leads: SessionsOptions['leads'] | undefined
  readonly announcer: { with(peer: PeerId): Announcements }
  readonly meeting: { call(peer: PeerId, signal: AbortSignal): Promise<Session> }
  readonly devices: { readonly isWithAll: boolean }
  readonly grants: Grants
  readonly introductions: Introductions | undefined
  readonly monitor: Monitor
  /** Ended with the mesh. */
  readonly underWay: Set<AbortController>
  readonly note: Note
  readonly emit: Emit
}

export class Roster {
  /** Those of links that the application sees. */
  readonly proven = new Map<PeerId, Sessions>()
  /** Of the links that this tab had in another role. */
  handovers = new Map<PeerId, Promise<Handover>>()
  readonly #unproven = new Map<PeerId, Sessions>()
  readonly #options: RosterOptions

  constructor(options: RosterOptions) {
    this.#options = options
  }

  /** Those of a peer, made if there are none. */
  of(peer: PeerId): Sessions {
    const known = this.get(peer)
    if (known) return known
    const sessions = this.#make(peer)
    this.#unproven.set(peer, sessions)
    return sessions
  }

  get(peer: PeerId): Sessions | undefined {
    return this.proven.get(peer) ?? this.#unproven.get(peer)
  }

  all(): Sessions[] {
    return [...this.proven.values(), ...this.#unproven.values()]
  }

  /** Its contact is proven. One's own other devices are nobody's link. */
  show(sessions: Sessions): void {
    const { peer } = sessions
    if (peer === this.#options.identity.peer || !this.#unproven.delete(peer)) return
    this.proven.set(peer, sessions)
    this.#options.emit('link', peer, sessions)
  }

  /** Takes those of a peer out, or only such as nobody has seen. */
  remove(peer: PeerId, which: 'any' | 'unproven' = 'any'): Sessions | undefined {
    const sessions =
      this.#unproven.get(peer) ?? (which === 'any' ? this.proven.get(peer) : undefined)
    this.#unproven.delete(peer)
    if (which === 'any') this.proven.delete(peer)
    return sessions
  }

  #make(peer: PeerId): Sessions {
    const { identity, log, leads, meeting, devices, announcer, grants } = this.#options
    const { contacts, introductions, monitor, underWay, note } = this.#options
    const isKin = peer === identity.peer
    const handover = this.handovers.get(peer)
    this.handovers.delete(peer)
    const sessions = new Sessions({
      peer,
      ...(handover ? { handover } : {}),
      ...(leads ? { leads } : {}),
      runtime: identity.runtime,
      log,
      dial: (signal) => meeting.call(peer, signal),
      announcements: announcer.with(peer),
      rights: (deviceKey) => grants.rights(peer, deviceKey),
      onRefused: (scope) => note('refused', { peer, detail: scope }),
      signals: introductions && ((send) => introductions.session(peer, send)),
      ...(isKin ? { isReached: () => devices.isWithAll } : {}),
    })
    monitor.watchSessions(sessions)
    sessions.on('gap', ({ from, to }) => note('gap', { peer, detail: String(to - from + 1) }))
    sessions.on('rollback', () => note('rollback', { peer }))
    if (isKin) sessions.receive(renewalDesk(identity, contacts.peers))
    sessions.on('state', (state) => {
      if (state !== 'open') return
      if (isKin) renewCertificate(identity, sessions, underWay)
      else grants.refresh(peer).catch(report)
    })
    return sessions
  }
}
