/**
 * The camera's picture, read until it shows what is looked for. The camera is on only while this is used and the page is seen: it goes off
 * when the code is found, when the view is left, and when the page is hidden.
 */

import type { RefObject } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Problem } from '../ui/problems.ts'
import {
  cameraLost,
  cameraProblem,
  camerasHere,
  openCamera,
  settingsOf,
  stopCamera,
  type Camera,
} from './camera.ts'
import { noDecoder } from './picture.ts'

/** Between two looks: often enough to feel immediate, and easy on a phone’s battery. */
const restMs = 120

export type Scan =
  | { step: 'asking' | 'paused' }
  | { step: 'looking'; isMirrored: boolean; cameras: readonly Camera[]; cameraId: string }
  | { step: 'failed'; problem: Problem }

export interface ScanControls {
  scan: Scan
  video: RefObject<HTMLVideoElement | null>
  use(cameraId: string): void
  retry(): void
}

/** `take` says whether that was it; until then the looking goes on. */
export function useScan(take: (text: string) => boolean): ScanControls {
  const video = useRef<HTMLVideoElement>(null)
  const [scan, setScan] = useState<Scan>({ step: 'asking' })
  const [cameraId, setCameraId] = useState<string | null>(null)
  const [attempt, setAttempt] = useState(0)
  const [isSeen, setSeen] = useState(!document.hidden)
  const taker = useRef(take)
  taker.current = take

  useEffect(() => {
    const look = () => setSeen(!document.hidden)
    const leave = () => setSeen(false)
    document.addEventListener('visibilitychange', look)
    addEventListener('pagehide', leave)
    addEventListener('pageshow', look)
    return () => {
      document.removeEventListener('visibilitychange', look)
      removeEventListener('pagehide', leave)
      removeEventListener('pageshow', look)
    }
  }, [])

  useEffect(() => {
    if (!isSeen) return setScan({ step: 'paused' })
    setScan({ step: 'asking' })
    const ending = new AbortController()
    const { signal } = ending
    void look(video.current!, cameraId, signal, {
      onScan: (next) => signal.aborted || setScan(next),
      take: (text) => taker.current(text),
    })
    return () => ending.abort()
  }, [cameraId, attempt, isSeen])

  return {
    scan,
    video,
    use: setCameraId,
    retry: () => setAttempt((count) => count + 1),
  }
}

interface Looker {
  onScan(scan: Scan): void
  take(text: string): boolean
}

async function look(
  video: HTMLVideoElement,
  cameraId: string | null,
  signal: AbortSignal,
  { onScan, take }: Looker,
): Promise<void> {
  const decoder = import('./qr-reader.ts')
  decoder.catch(() => {})
  let stream: MediaStream
  try {
    stream = await openCamera(cameraId)
  } catch (error) {
    return onScan({ step: 'failed', problem: cameraProblem(error) })
  }
  // Also one that is allowed only after the view was left.
  const end = () => {
    stopCamera(stream)
    // The next camera may be there already.
    if (video.srcObject === stream) video.srcObject = null
  }
  if (signal.aborted) return end()
  signal.addEventListener('abort', end)
  for (const track of stream.getVideoTracks()) {
    track.addEventListener('ended', () => onScan({ step: 'failed', problem: cameraLost }))
  }
  try {
    video.srcObject = stream
    const settings = settingsOf(stream)
    onScan({
      step: 'looking',
      isMirrored: settings.facingMode === 'user',
      cameras: await camerasHere(),
      cameraId: settings.deviceId ?? '',
    })
    await video.play()
  } catch (error) {
    end()
    return onScan({ step: 'failed', problem: cameraProblem(error) })
  }
  try {
    const { readFrame } = await decoder
    while (stream.active) {
      const text = readFrame(video)
      if (text !== null && take(text)) break
      await new Promise((resolve) => setTimeout(resolve, restMs))
    }
  } catch {
    onScan({ step: 'failed', problem: noDecoder })
  } finally {
    end()
  }
}
