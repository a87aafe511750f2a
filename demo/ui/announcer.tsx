/** Speaks short notices to screen readers, whatever part of the page they come from. */

import { type ComponentChildren, createContext } from 'preact'
import { useCallback, useContext, useState } from 'preact/hooks'

type Announce = (notice: string) => void

const AnnouncerContext = createContext<Announce>(() => {})

export const useAnnounce = (): Announce => useContext(AnnouncerContext)

export function AnnouncerProvider({ children }: { children: ComponentChildren }) {
  const [notices, setNotices] = useState<{ id: number; text: string }>({ id: 0, text: '' })
  const announce = useCallback((text: string) => setNotices(({ id }) => ({ id: id + 1, text })), [])
  return (
    <AnnouncerContext.Provider value={announce}>
      {children}
      <p class="visually-hidden" role="status">
        {/* A new element each time, so that the same words are spoken again. */}
        <span key={notices.id}>{notices.text}</span>
      </p>
    </AnnouncerContext.Provider>
  )
}
