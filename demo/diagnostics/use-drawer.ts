/** Whether the diagnostics are open: `Ctrl+.` (on a Mac `⌘.`, too) opens and closes them, from wherever one is, and one comes back there. */

import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { keepFocus } from '../ui/keep-focus.ts'

export interface DrawerControls {
  isOpen: boolean
  open(): void
  toggle(): void
  close(): void
}

export function useDrawer(): DrawerControls {
  const [isOpen, setOpen] = useState(false)
  const opener = useRef<HTMLElement | null>(null)
  const close = useCallback(() => {
    setOpen(false)
    requestAnimationFrame(() => keepFocus(opener.current))
  }, [])
  const open = useCallback(() => {
    opener.current = document.activeElement as HTMLElement | null
    setOpen(true)
  }, [])
  const toggle = isOpen ? close : open
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== '.' || !(event.ctrlKey || event.metaKey) || event.altKey) return
      event.preventDefault()
      toggle()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [toggle])
  return { isOpen, open, toggle, close }
}
