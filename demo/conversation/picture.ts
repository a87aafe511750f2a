/** Which files are shown as pictures: those that every browser draws and that can run nothing, told by their first bytes, not by their names. */

export interface Picture {
  type: string
  width: number
  height: number
}

const signatures: { type: string; starts: readonly number[]; at?: number }[] = [
  { type: 'image/png', starts: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] },
  { type: 'image/jpeg', starts: [0xff, 0xd8, 0xff] },
  { type: 'image/gif', starts: [0x47, 0x49, 0x46, 0x38] },
  { type: 'image/webp', starts: [0x57, 0x45, 0x42, 0x50], at: 8 },
  { type: 'image/avif', starts: [0x66, 0x74, 0x79, 0x70, 0x61, 0x76, 0x69, 0x66], at: 4 },
]

/** Larger ones are files like any other: drawing them takes much memory. */
const maxPictureBytes = 16 * 1024 * 1024

export async function pictureOf(content: Blob): Promise<Picture | undefined> {
  if (content.size > maxPictureBytes) return undefined
  const bytes = new Uint8Array(await content.slice(0, 16).arrayBuffer())
  const type = signatures.find(({ starts, at = 0 }) =>
    starts.every((byte, i) => bytes[at + i] === byte),
  )?.type
  if (type === undefined) return undefined
  try {
    const bitmap = await createImageBitmap(new Blob([content], { type }))
    const { width, height } = bitmap
    bitmap.close()
    return { type, width, height }
  } catch {
    // It only looks like one.
    return undefined
  }
}
