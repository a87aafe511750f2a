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

/** @param explainIt for what may fail in a way of its own */
export function useAction(explainIt: (error: unknown) => Problem = explain): Action {
  const [isBusy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem>()
  const begunAt = useRef<Element>(null)
  // A button is disabled while its work is under way, and then loses the focus.
  useEffect(() => {
    if (isBusy || !begunAt.current) return
    keepFocus(begunAt.current as HTMLElement)
    begunAt.current = null
  }, [isBusy])
  // Or the button is gone with what it stood for, as with an offer that is answered.
  useEffect(
    () => () => {
      if (begunAt.current) requestAnimationFrame(() => keepFocus())
    },
    [],
  )
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
        setProblem(explainIt(error))
        return false
      } finally {
        setBusy(false)
      }
    },
    dismiss: () => setProblem(undefined),
  }
}
