/** A file among the messages; one that was received can be saved. */

import type { FileNote } from './files.ts'
import { Icon } from '../ui/icon.tsx'
import { saveFile } from '../ui/save-file.ts'

const units = ['byte', 'kilobyte', 'megabyte'] as const

function sizeOf(bytes: number): string {
  const step = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1)
  const format = new Intl.NumberFormat(undefined, {
    style: 'unit',
    unit: units[step]!,
    unitDisplay: 'short',
    maximumFractionDigits: step && 1,
  })
  return format.format(bytes / 1000 ** step)
}

export function FileMessage({ file: { name, size, content } }: FileNote) {
  return (
    <span class="file">
      <Icon name="file" />
      <span class="file-text">
        <span>{name}</span>
        <span class="file-size">{sizeOf(size)}</span>
      </span>
      {content && (
        <button
          type="button"
          class="button"
          aria-label={`Save ${name}`}
          onClick={() => saveFile(name, content)}
        >
          Save
        </button>
      )}
    </span>
  )
}
