/** One thing at a time that takes a moment and may fail: whether it is under way, and in words what went wrong. */

import { useEffect, useRef, useState } from 'preact/hooks'
import { explain, type Problem } from './problems.ts'
import { keepFocus } from './keep-focus.ts'

export interface Action {
  isBusy: boolean
  problem: Problem | undefined
  /** Resolves with whether it has worked. */
  run(work: () => Promise<unknown>): Promise<boolean>
  dismiss(): void
}

export function useAction(): Action {
  const [isBusy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem>()
  const begunAt = useRef<Element>(null)
  // A button is disabled while its work is under way, and then loses the focus.
  useEffect(() => {
    if (isBusy || !begunAt.current) return
    keepFocus(begunAt.current as HTMLElement)
    begunAt.current = null
  }, [isBusy])
  return {
    isBusy,
    problem,
    async run(work) {
      begunAt.current = document.activeElement
      setBusy(true)
      setProblem(undefined)
      try {
        await work()
        return true
      } catch (error) {
        setProblem(explain(error))
        return false
      } finally {
        setBusy(false)
      }
    },
    dismiss: () => setProblem(undefined),
  }
}
