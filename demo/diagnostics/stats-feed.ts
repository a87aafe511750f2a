/**
 * What `mesh.stats` tells, asked again and again while somebody looks: as often as the most curious of them wants, and not while the page
 * is hidden. The last two minutes are kept, for plots.
 */

import type { LinkStats, Mesh, MeshStats, PeerId } from 'handfast'

export interface Sample {
  atMs: number
  /** Bytes a second since the sample before. */
  sent: number
  received: number
  roundTripMs: number | null
}

/** Samples are kept so long, and so many at most. */
export const keptMs = 120_000
const maxSamples = 150

export class StatsFeed {
  readonly #mesh: Mesh
  readonly #watchers = new Map<() => void, number>()
  readonly #samples = new Map<PeerId, Sample[]>()
  #latest: MeshStats | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #isAsking = false

  constructor(mesh: Mesh) {
    this.#mesh = mesh
  }

  get latest(): MeshStats | undefined {
    return this.#latest
  }

  linkTo(peer: PeerId): LinkStats | undefined {
    return this.#latest?.links.find((link) => link.peer === peer)
  }

  /** Oldest first. */
  samplesOf(peer: PeerId): readonly Sample[] {
    return this.#samples.get(peer) ?? []
  }

  /** Returns how to stop. */
  watch(listener: () => void, everyMs: number): () => void {
    this.#watchers.set(listener, everyMs)
    this.#plan(0)
    return () => this.#watchers.delete(listener)
  }

  #plan(delayMs: number): void {
    if (this.#isAsking) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#ask(), delayMs)
  }

  async #ask(): Promise<void> {
    if (this.#watchers.size === 0) return
    this.#isAsking = true
    try {
      if (!document.hidden) this.#take(await this.#mesh.stats())
    } catch {
      // The mesh is closed, or no tab leads just now: it is asked again.
    }
    this.#isAsking = false
    for (const listener of this.#watchers.keys()) listener()
    this.#plan(Math.min(...this.#watchers.values()))
  }

  #take(stats: MeshStats): void {
    const before = this.#latest
    this.#latest = stats
    const peers = new Set(stats.links.map(({ peer }) => peer))
    for (const peer of this.#samples.keys()) if (!peers.has(peer)) this.#samples.delete(peer)
    for (const link of stats.links) {
      const earlier = before?.links.find(({ peer }) => peer === link.peer)
      const samples = this.#samples.get(link.peer) ?? []
      const young = samples.filter(({ atMs }) => atMs > stats.atMs - keptMs).slice(1 - maxSamples)
      this.#samples.set(link.peer, [...young, sample(link, stats.atMs, earlier, before?.atMs)])
    }
  }
}

/** Only what sessions moved that are there both times: one that is new has no before. */
export function sample(
  link: LinkStats,
  atMs: number,
  earlier: LinkStats | undefined,
  earlierMs = atMs,
): Sample {
  const tookMs = atMs - earlierMs
  const rate = (way: 'sent' | 'received') => {
    const moved = link.sessions.map((session) => {
      const before = earlier?.sessions.find(({ id }) => id === session.id)
      return before ? session[way].bytes - before[way].bytes : 0
    })
    const bytes = moved.reduce((sum, each) => sum + Math.max(0, each), 0)
    return tookMs > 0 ? (bytes * 1000) / tookMs : 0
  }
  return {
    atMs,
    sent: rate('sent'),
    received: rate('received'),
    roundTripMs: answering(link)?.roundTripMs ?? null,
  }
}

/** The session that messages go by. */
export const answering = ({ sessions }: LinkStats) =>
  sessions.find(({ answers }) => answers) ?? sessions[0]
