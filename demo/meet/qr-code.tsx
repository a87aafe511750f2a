/** A text as a QR code: always dark on white with its quiet zone, since many readers refuse anything else. */

import { useMemo } from 'preact/hooks'
import { codeOf } from './qr-modules.ts'

export function QrCode({ text, label }: { text: string; label: string }) {
  const rows = useMemo(() => codeOf(text), [text])
  // Told to the styles, which give every module the same whole number of pixels.
  const size = { '--modules': rows.length }
  return (
    <span class="qr-frame">
      <svg
        class="qr"
        style={size}
        viewBox={`0 0 ${rows.length} ${rows.length}`}
        role="img"
        aria-label={label}
      >
        <rect class="qr-paper" width={rows.length} height={rows.length} />
        <path class="qr-ink" d={rows.flatMap(darkRuns).join('')} />
      </svg>
    </span>
  )
}

/** One rectangle for each run of dark modules in a row. */
function darkRuns(row: readonly boolean[], y: number): string[] {
  const runs: string[] = []
  for (let x = 0; x < row.length; x++) {
    if (!row[x]) continue
    const start = x
    while (row[x + 1]) x++
    const width = x - start + 1
    runs.push(`M${start} ${y}h${width}v1h-${width}z`)
  }
  return runs
}
