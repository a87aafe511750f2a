/** Pictures of codes that are pasted anywhere on the page, or dropped onto one part of it. */

import { useLayoutEffect, useState } from 'preact/hooks'
import type { Problem } from '../ui/problems.ts'
import { pictureIn, readPictureFile } from './picture.ts'

interface Pictures {
  /** One is being dragged over the part. */
  isOver: boolean
  problem: Problem | undefined
  dismiss(): void
  /** What the part listens to. */
  target: {
    onDragOver(event: DragEvent): void
    onDragLeave(): void
    onDrop(event: DragEvent): void
  }
}

export function usePictures(isListening: boolean, onText: (text: string) => void): Pictures {
  const [isOver, setOver] = useState(false)
  const [problem, setProblem] = useState<Problem>()

  const read = async (picture: File) => {
    setProblem(undefined)
    const outcome = await readPictureFile(picture)
    if (typeof outcome === 'string') onText(outcome)
    else setProblem(outcome)
  }

  useLayoutEffect(() => {
    if (!isListening) return
    const paste = (event: ClipboardEvent) => {
      const picture = pictureIn(event.clipboardData)
      if (!picture) return
      event.preventDefault()
      void read(picture)
    }
    addEventListener('paste', paste)
    return () => removeEventListener('paste', paste)
  })

  return {
    isOver,
    problem,
    dismiss: () => setProblem(undefined),
    target: {
      onDragOver(event) {
        if (!event.dataTransfer?.types.includes('Files')) return
        event.preventDefault()
        setOver(true)
      },
      onDragLeave: () => setOver(false),
      onDrop(event) {
        setOver(false)
        const picture = pictureIn(event.dataTransfer)
        // Text is for the field; any other file would take the place of this page.
        if (event.dataTransfer?.types.includes('Files')) event.preventDefault()
        if (picture) void read(picture)
      },
    },
  }
}
