/** Chooses a picture with a code on it, where there is no camera, or the code is in a screenshot. */

import { useRef, useState } from 'preact/hooks'
import { Icon } from '../ui/icon.tsx'
import type { Problem } from '../ui/problems.ts'
import { readPictureFile } from './picture.ts'

interface PictureButtonProps {
  onText(text: string): void
  onProblem(problem: Problem): void
}

export function PictureButton({ onText, onProblem }: PictureButtonProps) {
  const [isReading, setReading] = useState(false)
  const picker = useRef<HTMLInputElement>(null)

  const read = async (file: File) => {
    setReading(true)
    const outcome = await readPictureFile(file)
    setReading(false)
    if (typeof outcome === 'string') onText(outcome)
    else onProblem(outcome)
  }

  return (
    <>
      <input
        ref={picker}
        type="file"
        accept="image/*"
        hidden
        aria-label="Picture of a code"
        onChange={({ currentTarget }) => {
          const [file] = currentTarget.files ?? []
          if (file) void read(file)
          currentTarget.value = ''
        }}
      />
      <button
        type="button"
        class="button"
        aria-busy={isReading}
        onClick={() => picker.current?.click()}
      >
        <Icon name="picture" />
        {isReading ? 'Reading…' : 'Choose a picture'}
      </button>
    </>
  )
}
