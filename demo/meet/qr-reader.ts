/**
 * Finds a QR code in a picture or in a camera's frame and reads it. Brings the decoder with it: load this file only when something is to be
 * read.
 */

import decodeQR from 'qr/decode.js'

/** Beyond this no code gets easier to read, and memory on phones is short. In pixels. */
const maxSide = 2400

/** A frame must not hold up the page. */
const frameTimeLimitMs = 30
const pictureTimeLimitMs = 400

let canvas: HTMLCanvasElement | undefined

/** As it is drawn, no side longer than `side` pixels. */
function pixelsOf(
  source: CanvasImageSource,
  size: { width: number; height: number },
  side: number,
): ImageData | null {
  const scale = Math.min(1, side / Math.max(size.width, size.height))
  const width = Math.round(size.width * scale)
  const height = Math.round(size.height * scale)
  if (width < 1 || height < 1) return null
  canvas ??= document.createElement('canvas')
  canvas.width = width
  canvas.height = height
  const context = canvas.getContext('2d', { willReadFrequently: true })
  if (!context) return null
  // What is transparent was seen on white.
  context.fillStyle = '#fff'
  context.fillRect(0, 0, width, height)
  context.drawImage(source, 0, 0, width, height)
  return context.getImageData(0, 0, width, height)
}

function read(pixels: ImageData | null, timeLimit: number): string | null {
  if (!pixels) return null
  try {
    return decodeQR(pixels, { timeLimit })
  } catch {
    // There is no code in it, or none that can be read.
    return null
  }
}

export const readFrame = (video: HTMLVideoElement): string | null =>
  read(
    pixelsOf(video, { width: video.videoWidth, height: video.videoHeight }, maxSide),
    frameTimeLimitMs,
  )

/** What is too large to be told from noise may be clear from further away. */
export function readPicture(picture: ImageBitmap): string | null {
  for (const side of [maxSide, maxSide / 2, maxSide / 4]) {
    const text = read(pixelsOf(picture, picture, side), pictureTimeLimitMs)
    if (text !== null) return text
  }
  return null
}
