/**
 * A question that must be answered before anything else. It is read from its title, also when it changes. Escape and its own buttons close it,
 * and the focus goes back to where it was.
 */

import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { keepFocus } from './keep-focus.ts'

interface ModalProps {
  title: string
  onClose(): void
  wide?: boolean
  /** Takes the whole window. */
  full?: boolean
  /** Gets how to close it. */
  children: (close: () => void) => ComponentChildren
}

export function Modal({ title, onClose, wide = false, full = false, children }: ModalProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const heading = useRef<HTMLHeadingElement>(null)
  const id = useId()
  useEffect(() => {
    const opener = document.activeElement as HTMLElement | null
    dialog.current?.showModal()
    // A dialog that is taken away, rather than closed, does not give the focus back.
    return () => requestAnimationFrame(() => keepFocus(opener))
  }, [])
  useEffect(() => heading.current?.focus(), [title])
  return (
    <dialog
      ref={dialog}
      class={full ? 'full' : wide ? 'wide' : undefined}
      aria-labelledby={id}
      onClose={(event) => {
        if (event.target === dialog.current) onClose()
      }}
    >
      <div class="stack">
        <h3 id={id} ref={heading} tabIndex={-1}>
          {title}
        </h3>
        {children(() => dialog.current?.close())}
      </div>
    </dialog>
  )
}
