/** What `mesh.stats` tells: figures for developers, no secret and no content. */

import type { LinkStats } from '../link/link-stats.ts'
import type { SessionStats } from '../session/session-stats.ts'

/** How a mesh stands, as figures for developers. */
export interface MeshStats {
  /** Unix ms. */
  readonly atMs: number
  /** When the mesh was opened in this tab, Unix ms. */
  readonly openedAtMs: number
  /** Whether this tab leads: all other figures are those of the tab that does. */
  readonly leads: boolean
  /** Since that tab came to lead. One call of a peer is a dial for each of its devices that is tried. */
  readonly dials: {
    /** How many were tried. */
    readonly begun: number
    /** How many led to a session. */
    readonly succeeded: number
  }
  /** One a contact. */
  readonly links: readonly LinkStats[]
  /** Sessions with one's own other devices. */
  readonly own: readonly SessionStats[]
}
