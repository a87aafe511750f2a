/** Reading somebody’s code: by camera, or from a picture. Nothing of either leaves this browser. */

import { useEffect, useState } from 'preact/hooks'
import { Icon } from '../ui/icon.tsx'
import { Modal } from '../ui/modal.tsx'
import { ProblemNote } from '../ui/problem-note.tsx'
import type { Problem } from '../ui/problems.ts'
import { PictureButton } from './picture-button.tsx'
import { useScan, type Scan } from './use-scan.ts'

/** Whoever has not found it by then may need advice. */
const adviceAfterMs = 8000

interface ScanDialogProps {
  /** Says what is wrong with what a code holds; null takes it. */
  read(text: string): Problem | null
  onClose(): void
}

export function ScanDialog({ read, onClose }: ScanDialogProps) {
  return (
    <Modal title="Scan a code" wide onClose={onClose}>
      {(close) => <Scanner read={read} close={close} />}
    </Modal>
  )
}

function Scanner({ read, close }: { read: ScanDialogProps['read']; close(): void }) {
  const [problem, setProblem] = useState<Problem | null>(null)
  const take = (text: string): boolean => {
    const wrong = read(text)
    setProblem((shown) => (shown?.title === wrong?.title ? shown : wrong))
    if (!wrong) close()
    return wrong === null
  }
  const { scan, video, use, retry } = useScan(take)
  const isLate = useLate(scan.step === 'looking')

  return (
    <>
      <div class={`viewfinder viewfinder-${scan.step}`} hidden={scan.step === 'failed'}>
        <video
          ref={video}
          class={scan.step === 'looking' && scan.isMirrored ? 'mirrored' : undefined}
          muted
          playsInline
          aria-label="What the camera sees"
        />
        <span class="viewfinder-frame" aria-hidden="true" />
      </div>
      <p class="muted scan-status" role="status">
        {wordsFor(scan, isLate)}
      </p>
      {scan.step === 'failed' && <ProblemNote problem={scan.problem} />}
      {problem && <ProblemNote problem={problem} />}
      {scan.step === 'looking' && scan.cameras.length > 1 && (
        <label class="field">
          <span>Camera</span>
          <select value={scan.cameraId} onChange={(event) => use(event.currentTarget.value)}>
            {scan.cameras.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
      )}
      <div class="actions">
        <button type="button" class="button" onClick={close}>
          Cancel
        </button>
        <PictureButton onText={take} onProblem={setProblem} />
        {scan.step === 'failed' && (
          <button type="button" class="button primary" onClick={retry}>
            <Icon name="camera" />
            Try again
          </button>
        )}
      </div>
    </>
  )
}

function wordsFor(scan: Scan, isLate: boolean): string {
  switch (scan.step) {
    case 'asking':
      return 'Waiting for the camera: your browser may ask whether it is allowed.'
    case 'paused':
      return 'The camera is off while this page is hidden.'
    case 'failed':
      return ''
    case 'looking':
      return isLate
        ? 'Nothing found yet. Fill the frame with the code, hold still, avoid glare; a larger code helps, too.'
        : 'Looking for a code: hold it into the frame. The picture stays in this browser.'
  }
}

function useLate(isRunning: boolean): boolean {
  const [isLate, setLate] = useState(false)
  useEffect(() => {
    setLate(false)
    if (!isRunning) return
    const timer = setTimeout(() => setLate(true), adviceAfterMs)
    return () => clearTimeout(timer)
  }, [isRunning])
  return isLate
}
