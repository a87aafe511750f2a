/** The camera: opening one, which there are, and in words why none can be had. */

import type { Problem } from '../ui/problems.ts'

const choosePicture = 'Or choose a picture of the code, or paste the link.'

const problems = {
  denied: {
    title: 'This page may not use the camera',
    advice: `Allow it in your browser, beside the address or in the settings of this site, then try again. ${choosePicture}`,
  },
  none: {
    title: 'No camera was found',
    advice: `If there is one, check that it is plugged in and switched on. ${choosePicture}`,
  },
  busy: {
    title: 'The camera is in use',
    advice: `Close whatever else uses it, such as a call, then try again. ${choosePicture}`,
  },
  insecure: {
    title: 'Cameras work only on secure pages',
    advice: `Open this page at an https address. ${choosePicture}`,
  },
  unsupported: {
    title: 'This browser gives pages no camera',
    advice: choosePicture,
  },
  lost: {
    title: 'The camera has stopped',
    advice: `It was unplugged, or something else took it. ${choosePicture}`,
  },
} satisfies Record<string, Problem>

export const cameraLost: Problem = problems.lost

/** By the name of what `getUserMedia` rejects with. */
const causes: Record<string, Problem> = {
  NotAllowedError: problems.denied,
  SecurityError: problems.denied,
  NotFoundError: problems.none,
  OverconstrainedError: problems.none,
  NotReadableError: problems.busy,
  AbortError: problems.busy,
}

export function cameraProblem(error: unknown): Problem {
  if (!isSecureContext) return problems.insecure
  return causes[(error as Error | undefined)?.name ?? ''] ?? problems.unsupported
}

/** Without a choice, the one at the back. Throws what the platform throws. */
export async function openCamera(deviceId: string | null): Promise<MediaStream> {
  return navigator.mediaDevices.getUserMedia({
    audio: false,
    video: {
      width: { ideal: 1280 },
      height: { ideal: 720 },
      ...(deviceId ? { deviceId: { exact: deviceId } } : { facingMode: { ideal: 'environment' } }),
    },
  })
}

/** Its light goes off. */
export function stopCamera(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop()
}

export interface Camera {
  id: string
  name: string
}

/** Named only once a page was allowed to use one. */
export async function camerasHere(): Promise<Camera[]> {
  const devices = await navigator.mediaDevices.enumerateDevices().catch(() => [])
  return devices
    .filter(({ kind, deviceId }) => kind === 'videoinput' && deviceId !== '')
    .map(({ deviceId, label }, index) => ({ id: deviceId, name: label || `Camera ${index + 1}` }))
}

export const settingsOf = (stream: MediaStream): MediaTrackSettings =>
  stream.getVideoTracks()[0]?.getSettings() ?? {}
