/** A text as a QR code: always dark on white with its quiet zone, since many readers refuse anything else. */

import { useMemo } from 'preact/hooks'
import { encode } from 'uqr'

/** The width of the blank border that the standard asks for, in modules. */
const quietZone = 4

export function QrCode({ text, label }: { text: string; label: string }) {
  const { size, data } = useMemo(
    () => encode(text, { ecc: 'L', boostEcc: true, border: quietZone }),
    [text],
  )
  return (
    <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label}>
      <rect class="qr-paper" width={size} height={size} />
      <path class="qr-ink" d={data.flatMap(darkRuns).join('')} />
    </svg>
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
