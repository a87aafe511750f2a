/**
 * Which files can be shown as pictures: those that every browser draws and that can run nothing. Their first bytes, not their names, tell the
 * kind and the size, so that nothing is decoded on receipt: a small file can hold more pixels than there is memory for.
 */

export interface Picture {
  type: string
  width: number
  height: number
}

/** Larger ones are files like any other. */
const maxPictureBytes = 16 * 1024 * 1024

/** 4 bytes each once they are decoded. What has more of them is a file like any other. */
const maxPixels = 100_000_000

/** Photographs of most phones. Drawing more is for whoever looks at it to say. */
const maxPixelsAtOnce = 16_000_000

/** The size of a photograph stands behind what its camera and editor have noted. */
const maxHeadBytes = 512 * 1024

export const isShownAtOnce = ({ width, height }: Picture): boolean =>
  width * height <= maxPixelsAtOnce

export async function pictureOf(content: Blob): Promise<Picture | undefined> {
  if (content.size > maxPictureBytes) return undefined
  const head = new DataView(await content.slice(0, maxHeadBytes).arrayBuffer())
  for (const [type, sizeIn] of kinds) {
    try {
      const [width, height] = sizeIn(head) ?? [0, 0]
      const pixels = width * height
      if (pixels > 0) return pixels <= maxPixels ? { type, width, height } : undefined
    } catch {
      // It ends before its size is told.
    }
  }
  return undefined
}

type Size = [width: number, height: number]

const kinds: [type: string, sizeIn: (head: DataView) => Size | undefined][] = [
  ['image/png', pngSize],
  ['image/jpeg', jpegSize],
  ['image/gif', gifSize],
  ['image/webp', webpSize],
]

const has = (head: DataView, at: number, text: string): boolean =>
  [...text].every((letter, i) => head.getUint8(at + i) === letter.charCodeAt(0))

const uint24 = (head: DataView, at: number): number =>
  head.getUint16(at, true) | (head.getUint8(at + 2) << 16)

/** PNG specification, 11.2.1: the first chunk. */
function pngSize(head: DataView): Size | undefined {
  if (!has(head, 0, '\x89PNG\r\n\x1a\n') || !has(head, 12, 'IHDR')) return undefined
  return [head.getUint32(16), head.getUint32(20)]
}

/** GIF89a, 18, 20 and 23: browsers enlarge the screen to what its first image needs. */
function gifSize(head: DataView): Size | undefined {
  if (!has(head, 0, 'GIF87a') && !has(head, 0, 'GIF89a')) return undefined
  const flags = head.getUint8(10)
  let at = 13 + (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0)
  while (head.getUint8(at) === 0x21) {
    // Of any other length, it ends elsewhere in one browser than in another.
    if (head.getUint8(at + 1) === graphicControl && head.getUint8(at + 2) !== 4) return undefined
    at += 2
    while (head.getUint8(at) > 0) at += 1 + head.getUint8(at)
    at++
  }
  if (head.getUint8(at) !== 0x2c) return undefined
  const along = (screenAt: number, startAt: number, lengthAt: number) =>
    Math.max(
      head.getUint16(screenAt, true),
      head.getUint16(at + startAt, true) + head.getUint16(at + lengthAt, true),
    )
  return [along(6, 1, 5), along(8, 3, 7)]
}

const graphicControl = 0xf9

/** RFC 9649: a simple file, lossy or lossless, or an extended one. */
function webpSize(head: DataView): Size | undefined {
  if (!has(head, 0, 'RIFF') || !has(head, 8, 'WEBP')) return undefined
  if (has(head, 12, 'VP8X')) return [uint24(head, 24) + 1, uint24(head, 27) + 1]
  if (has(head, 12, 'VP8 ')) {
    return [head.getUint16(26, true) & 0x3fff, head.getUint16(28, true) & 0x3fff]
  }
  if (!has(head, 12, 'VP8L')) return undefined
  const bits = head.getUint32(21, true)
  return [(bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1]
}

/** ITU-T T.81, B.2.2: the frame header, behind segments that tell their length. */
function jpegSize(head: DataView): Size | undefined {
  if (head.getUint16(0) !== 0xffd8) return undefined
  let isTurned: boolean | undefined
  for (let at = 2; head.getUint8(at) === 0xff;) {
    const marker = head.getUint8(at + 1)
    // It may be filled up before a marker.
    if (marker === 0xff) at++
    else if (isFrame(marker)) {
      const [height, width] = [head.getUint16(at + 5), head.getUint16(at + 7)]
      return isTurned ? [height, width] : [width, height]
    } else if (!isSegment(marker)) return undefined
    else {
      // The first counts, and only that is gone through.
      if (marker === exif && has(head, at + 4, 'Exif')) isTurned ??= isOnItsSide(head, at + 10)
      at += 2 + head.getUint16(at + 2)
    }
  }
  return undefined
}

const exif = 0xe1

/** What tells its length and may stand before the frame: behind anything else, decoders look for the next marker where they like. */
const isSegment = (marker: number): boolean => marker >= 0xc0 && !(marker >= 0xd0 && marker <= 0xda)

/** All from C0 to CF but tables and one that is reserved. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)

/** TIFF 6.0, orientation: from the fifth on, rows are columns. */
function isOnItsSide(head: DataView, begin: number): boolean {
  const isLittle = has(head, begin, 'II')
  const directory = begin + head.getUint32(begin + 4, isLittle)
  const entries = head.getUint16(directory, isLittle)
  for (let i = 0; i < entries; i++) {
    const entry = directory + 2 + 12 * i
    if (head.getUint16(entry, isLittle) === 0x112) return head.getUint16(entry + 8, isLittle) >= 5
  }
  return false
}
