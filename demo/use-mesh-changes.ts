/** Draws again whenever the mesh or one of its links changes; what is drawn is read from them directly. */

import type { Link, Mesh } from 'handfast'
import { useEffect, useReducer } from 'preact/hooks'

export function useMeshChanges(mesh: Mesh): void {
  const [, redraw] = useReducer((count: number, _: void) => count + 1, 0)
  useEffect(() => {
    const watch = (link: Link) => [
      link.on('state', () => redraw()),
      link.on('queued', () => redraw()),
      link.on('person', () => redraw()),
    ]
    const watching = [...mesh.links.values()].flatMap(watch)
    watching.push(
      mesh.on('link', (link) => {
        watching.push(...watch(link))
        redraw()
      }),
      mesh.on('forgotten', () => redraw()),
      mesh.on('signaling', () => redraw()),
      mesh.on('pairings', () => redraw()),
      mesh.on('devices', () => redraw()),
      mesh.on('revoked', () => redraw()),
    )
    redraw()
    return () => watching.forEach((unwatch) => unwatch())
  }, [mesh])
}
