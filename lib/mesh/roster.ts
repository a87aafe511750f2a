/** The sessions of each link of a mesh. Those whose contact is not proven yet are at work already, and nobody sees them. */

import type { PeerId } from '../identity/peer-id.ts'
import type { Sessions } from '../link/sessions.ts'

export class Roster {
  /** Those of links that the application sees. */
  readonly proven = new Map<PeerId, Sessions>()
  readonly #unproven = new Map<PeerId, Sessions>()
  readonly #make: (peer: PeerId) => Sessions
  readonly #onShow: (sessions: Sessions) => void
  readonly #own: PeerId

  /** `own`: one's own other devices are nobody's link. */
  constructor(own: PeerId, make: (peer: PeerId) => Sessions, onShow: (sessions: Sessions) => void) {
    this.#own = own
    this.#make = make
    this.#onShow = onShow
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

  /** Its contact is proven. */
  show(sessions: Sessions): void {
    if (sessions.peer === this.#own || !this.#unproven.delete(sessions.peer)) return
    this.proven.set(sessions.peer, sessions)
    this.#onShow(sessions)
  }

  /** Takes those of a peer out, or only such as nobody has seen. */
  remove(peer: PeerId, which: 'any' | 'unproven' = 'any'): Sessions | undefined {
    const sessions =
      this.#unproven.get(peer) ?? (which === 'any' ? this.proven.get(peer) : undefined)
    this.#unproven.delete(peer)
    if (which === 'any') this.proven.delete(peer)
    return sessions
  }
}
