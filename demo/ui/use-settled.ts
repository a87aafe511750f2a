/**
 * Whether something has been as it is for a moment. What comes in while somebody is about to press something else moves that away: what has
 * just come under the finger is not what was meant.
 */

import { useEffect, useRef, useState } from 'preact/hooks'

const settlingMs = 500

export function useSettled(key: string): boolean {
  const [settled, setSettled] = useState(key)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => {
    timer.current = setTimeout(setSettled, settlingMs, key)
    return () => clearTimeout(timer.current)
  }, [key])
  return settled === key
}
