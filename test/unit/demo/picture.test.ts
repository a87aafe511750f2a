/** The kind and the size of pictures by their first bytes, in the words of each format, and of what only begins like one. */

import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { isShownAtOnce, pictureOf } from '../../../demo/conversation/picture.ts'

const be16 = (value: number) => [value >> 8, value & 255]
const le16 = (value: number) => [value & 255, value >> 8]
const le24 = (value: number) => [value & 255, (value >> 8) & 255, value >> 16]
const be32 = (value: number) => [...be16(value >>> 16), ...be16(value & 0xffff)]
const text = (letters: string) => [...letters].map((letter) => letter.charCodeAt(0))

const png = (width: number, height: number) => [
  ...text('\x89PNG\r\n\x1a\n'),
  ...be32(13),
  ...text('IHDR'),
  ...be32(width),
  ...be32(height),
]
const segment = (marker: number, body: number[]) => [
  0xff,
  marker,
  ...be16(body.length + 2),
  ...body,
]
const frame = (width: number, height: number, marker = 0xc0) =>
  segment(marker, [8, ...be16(height), ...be16(width), 3])
const tables = segment(0xc4, [9, 9, 9, 9, 9, 9, 9])
const jpeg = (...segments: number[][]) => [0xff, 0xd8, ...segments.flat()]
const exif = (orientation: number) =>
  segment(0xe1, [
    ...text('Exif\0\0MM\0*'),
    ...be32(8),
    ...be16(2),
    ...[...be16(0x10f), ...be16(2), ...be32(1), ...be32(0)],
    ...[...be16(0x112), ...be16(3), ...be32(1), ...be16(orientation), 0, 0],
  ])
const gif = (screen: [number, number], image: [number, number, number, number]) => [
  ...text('GIF89a'),
  ...screen.flatMap(le16),
  ...[0x81, 0, 0, ...Array<number>(12).fill(1)],
  ...[0x21, 0xfe, 3, ...text(',,,'), 2, ...text(',,'), 0],
  ...[0x2c, ...image.flatMap(le16), 0],
]
const webp = (chunk: string, ...body: number[]) => [
  ...text('RIFF'),
  ...[0, 0, 0, 0],
  ...text(`WEBP${chunk}`),
  ...[0, 0, 0, 0],
  ...body,
]
const look = (bytes: number[]) => pictureOf(new Blob([new Uint8Array(bytes)]))

describe('a picture', () => {
  it.each([
    ['PNG', png(640, 480), 'image/png', 640, 480],
    ['JPEG', jpeg(tables, frame(640, 480)), 'image/jpeg', 640, 480],
    ['progressive JPEG', jpeg([0xff], frame(640, 480, 0xc2)), 'image/jpeg', 640, 480],
    ['upright JPEG', jpeg(exif(1), frame(640, 480)), 'image/jpeg', 640, 480],
    ['JPEG on its side', jpeg(exif(6), frame(640, 480)), 'image/jpeg', 480, 640],
    ['GIF', gif([640, 480], [0, 0, 64, 48]), 'image/gif', 640, 480],
    ['GIF beyond its screen', gif([1, 1], [40, 80, 600, 400]), 'image/gif', 640, 480],
    [
      'lossy WebP',
      webp('VP8 ', 0, 0, 0, 0x9d, 1, 0x2a, ...le16(0x4280), ...le16(480)),
      'image/webp',
      640,
      480,
    ],
    ['lossless WebP', webp('VP8L', 0x2f, 0x7f, 0xc2, 0x77, 0), 'image/webp', 640, 480],
    ['extended WebP', webp('VP8X', 0, 0, 0, 0, ...le24(639), ...le24(479)), 'image/webp', 640, 480],
  ] as const)('that is a %s tells its size', async (_, bytes, type, width, height) => {
    expect(await look([...bytes])).toEqual({ type, width, height })
    // Cut anywhere, it is none.
    expect(await look(bytes.slice(0, 9))).toBeUndefined()
    for (let end = 0; end < bytes.length; end += 5) await look(bytes.slice(0, end))
  })

  it('of too many pixels is a file like any other', async () => {
    expect(await look(png(10_000, 10_000))).toBeDefined()
    for (const bomb of [
      png(10_000, 10_001),
      png(2 ** 32 - 1, 2 ** 32 - 1),
      jpeg(frame(65_535, 65_535)),
      gif([1, 1], [65_535, 65_535, 65_535, 65_535]),
      webp('VP8X', 0, 0, 0, 0, ...le24(2 ** 24 - 1), ...le24(2 ** 24 - 1)),
    ]) {
      expect(await look(bomb)).toBeUndefined()
    }
  })

  it('is none where a browser would read another size than the one that is found first', async () => {
    const huge = frame(60_000, 60_000)
    // Markers without a length, and what is none: a browser looks on behind their two bytes.
    for (const marker of [0x00, 0x01, 0xd0, 0xd7, 0xd8, 0xd9]) {
      const hidden = [0xff, marker, ...be16(2 + huge.length), ...huge]
      expect(await look(jpeg(hidden, frame(10, 10)))).toBeUndefined()
    }
    // Firefox takes four bytes of what says how an image is drawn, however many it has: the first image is then the start of a note.
    const screen = [...text('GIF89a'), ...le16(10), ...le16(10), 0, 0, 0]
    const image = (y: number, width: number, height: number) => [
      ...[0x2c, 0, 0],
      ...[y, width, height].flatMap(le16),
    ]
    const first = image(0x121, 2, 10)
    const cut = [0x21, 0xf9, 1, 0, 0, ...first, ...image(0, 60_000, 60_000)]
    expect(await look([...screen, ...cut])).toBeUndefined()
    expect(await look([...screen, 0x21, 0xf9, 4, 0, 0, 0, 0, 0, ...first])).toMatchObject({
      width: 10,
      height: 0x121 + 10,
    })
    // Other kinds begin with the size of what follows.
    expect(await look([...text('GIF8ftypavif'), 0, ...image(0, 10, 10)])).toBeUndefined()
  })

  it('with many long lists of what its camera has noted is gone through once', async () => {
    const bytes = new Uint8Array(16 * 1024)
    const view = new DataView(bytes.buffer)
    bytes.set([0xff, 0xd8])
    for (let at = 2; at + 24 < bytes.length; at += 20) {
      bytes.set([0xff, 0xe1, 0, 18, ...text('Exif\0\0II')], at)
      // Each says that what its camera has noted goes on to the end of the file.
      view.setUint32(at + 14, 8, true)
      view.setUint16(at + 18, Math.floor((bytes.length - at - 32) / 12), true)
    }
    const reading = vi.spyOn(DataView.prototype, 'getUint16')
    onTestFinished(() => reading.mockRestore())
    await pictureOf(new Blob([bytes]))
    expect(reading.mock.calls.length).toBeLessThan(bytes.length)
  })

  it('is none without a size, or of a kind that could do more than show', async () => {
    for (const none of [
      png(0, 10),
      jpeg(frame(10, 0)),
      jpeg(segment(0xda, []), frame(10, 10)),
      jpeg([1, 2, 3], frame(10, 10)),
      text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
      text('%PDF-1.7'),
      [],
    ]) {
      expect(await look(none)).toBeUndefined()
    }
    expect(await pictureOf(new Blob([new Uint8Array(png(9, 9)), new Uint8Array(2 ** 24)]))).toBe(
      undefined,
    )
  })

  it('of a telephone is shown at once, a larger one when asked to', () => {
    const size = (width: number, height: number) => ({ type: 'image/jpeg', width, height })
    expect(isShownAtOnce(size(4032, 3024))).toBe(true)
    expect(isShownAtOnce(size(8000, 6000))).toBe(false)
  })
})
