/** Moves the keyboard focus to an element when what it stands for changes, but not when it first appears. */

import type { RefObject } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

export function useFocusOnChange<T extends HTMLElement>(key: string): RefObject<T | null> {
  const target = useRef<T>(null)
  const focused = useRef(key)
  useEffect(() => {
    if (focused.current === key) return
    focused.current = key
    target.current?.focus()
  }, [key])
  return target
}
