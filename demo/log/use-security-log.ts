/** The security log, page by page, with what happens meanwhile. */

import type { Mesh, SecurityEvent } from 'handfast'
import { useEffect, useState } from 'preact/hooks'
import { explain, type Problem } from '../ui/problems.ts'

const pageSize = 30

export interface SecurityLog {
  /** The latest first; none while they are being read. */
  events: readonly SecurityEvent[] | undefined
  problem: Problem | undefined
  hasMore: boolean
  readMore(): void
}

export function useSecurityLog(mesh: Mesh): SecurityLog {
  const [events, setEvents] = useState<readonly SecurityEvent[]>()
  const [problem, setProblem] = useState<Problem>()
  const [hasMore, setMore] = useState(false)

  const read = async (before?: number) => {
    setProblem(undefined)
    try {
      const page = await mesh.securityLog({
        limit: pageSize,
        ...(before === undefined ? {} : { before }),
      })
      setEvents((known = []) => joined(known, page))
      setMore(page.length === pageSize)
    } catch (error) {
      setProblem(explain(error))
    }
  }

  useEffect(() => {
    void read()
    return mesh.on('security', (event) => setEvents((known = []) => joined(known, [event])))
  }, [mesh])

  return { events, problem, hasMore, readMore: () => void read(events?.at(-1)?.id) }
}

function joined(
  known: readonly SecurityEvent[],
  more: readonly SecurityEvent[],
): readonly SecurityEvent[] {
  const byId = new Map([...known, ...more].map((event) => [event.id, event]))
  return [...byId.values()].sort((a, b) => b.id - a.id)
}
