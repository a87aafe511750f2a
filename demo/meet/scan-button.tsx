/** Opens the view that scans a code. */

import { useState } from 'preact/hooks'
import { Icon } from '../ui/icon.tsx'
import type { Problem } from '../ui/problems.ts'
import { ScanDialog } from './scan-dialog.tsx'

interface ScanButtonProps {
  /** Says what is wrong with what a code holds; null takes it. */
  read(text: string): Problem | null
  onScanning?(isScanning: boolean): void
}

export function ScanButton({ read, onScanning }: ScanButtonProps) {
  const [isScanning, setScanning] = useState(false)
  const set = (next: boolean) => {
    setScanning(next)
    onScanning?.(next)
  }
  return (
    <>
      <button type="button" class="button" onClick={() => set(true)}>
        <Icon name="camera" />
        Scan a code
      </button>
      {isScanning && <ScanDialog read={read} onClose={() => set(false)} />}
    </>
  )
}
