/** The links of a mesh. A link whose contact is not proven yet is at work already, and nobody sees it. */

import type { PeerId } from '../identity/peer-id.ts'
import type { Link } from '../link/link.ts'

export class Roster {
  /** What the application sees. */
  readonly proven = new Map<PeerId, Link>()
  readonly #unproven = new Map<PeerId, Link>()
  readonly #make: (peer: PeerId) => Link
  readonly #onShow: (link: Link) => void

  constructor(make: (peer: PeerId) => Link, onShow: (link: Link) => void) {
    this.#make = make
    this.#onShow = onShow
  }

  /** The link of a peer, made if there is none. */
  of(peer: PeerId): Link {
    const known = this.proven.get(peer) ?? this.#unproven.get(peer)
    if (known) return known
    const link = this.#make(peer)
    this.#unproven.set(peer, link)
    return link
  }

  all(): Link[] {
    return [...this.proven.values(), ...this.#unproven.values()]
  }

  /** Its contact is proven. */
  show(link: Link): void {
    if (!this.#unproven.delete(link.peer)) return
    this.proven.set(link.peer, link)
    this.#onShow(link)
  }

  /** Takes the link of a peer out, or only one that nobody has seen. */
  remove(peer: PeerId, which: 'any' | 'unproven' = 'any'): Link | undefined {
    const link = this.#unproven.get(peer) ?? (which === 'any' ? this.proven.get(peer) : undefined)
    this.#unproven.delete(peer)
    if (which === 'any') this.proven.delete(peer)
    return link
  }
}
