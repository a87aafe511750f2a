/** The figures of the mesh, for every part of the page that shows some of them. */

import type { Mesh } from 'handfast'
import { type ComponentChildren, createContext } from 'preact'
import { useContext, useEffect, useReducer, useState } from 'preact/hooks'
import { StatsFeed } from './stats-feed.ts'

const FeedContext = createContext<StatsFeed | null>(null)

export function StatsProvider({ mesh, children }: { mesh: Mesh; children: ComponentChildren }) {
  const [feed] = useState(() => new StatsFeed(mesh))
  return <FeedContext.Provider value={feed}>{children}</FeedContext.Provider>
}

/** Draws again with every answer, at least so often. */
export function useStats(everyMs: number): StatsFeed {
  const feed = useContext(FeedContext)!
  const [, redraw] = useReducer((count: number, _: void) => count + 1, 0)
  useEffect(() => feed.watch(() => redraw(), everyMs), [feed, everyMs])
  return feed
}
