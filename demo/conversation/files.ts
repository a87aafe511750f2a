/** Files from one person to another: each a stream, which the other side closes once the file is kept. */

import { HandfastError, type Link, type LinkStream } from 'handfast'

/** One of them in the history; the content of those that were received. */
export interface FileNote {
  file: { name: string; size: number; content?: Blob }
}

const prefix = 'file/'

/** Names of streams have at most 64 characters. */
const maxNameLength = 48

/** Kept in memory until it is whole. */
const maxFileBytes = 64 * 1024 * 1024

const patienceMs = 60_000

export const isFileNote = (value: unknown): value is FileNote =>
  typeof value === 'object' && value !== null && 'file' in value && !('length' in value)

/** As much of a claimed name as is fit to show and to save under. */
export function cleanFileName(claimed: string): string {
  const name = claimed.normalize('NFC').replace(/[\p{C}\p{Zl}\p{Zp}/\\]/gu, '')
  return [...name].slice(-maxNameLength).join('').trim() || 'file'
}

/** Resolves when the other side has kept it. */
export async function sendFile(link: Link, file: File): Promise<void> {
  if (file.size > maxFileBytes) throw new HandfastError('too-large')
  const name = prefix + cleanFileName(file.name)
  const { readable, writable } = await link.openStream(name, { timeoutMs: patienceMs })
  const kept = new Response(readable as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer()
  kept.catch(() => {})
  await file.stream().pipeTo(writable)
  await kept
}

/** Hands the whole file to `keep`; what is no file, or too large, is turned away. */
export async function receiveFile(
  { name, readable, writable }: LinkStream,
  keep: (note: FileNote) => Promise<unknown>,
): Promise<void> {
  try {
    if (!name.startsWith(prefix)) throw new Error('not a file')
    const chunks: Uint8Array<ArrayBuffer>[] = []
    let size = 0
    for (const reader = readable.getReader(); ;) {
      const { done, value } = await reader.read()
      if (done) break
      size += value.length
      if (size > maxFileBytes) {
        await reader.cancel()
        throw new Error('too large')
      }
      chunks.push(new Uint8Array(value))
    }
    const content = new Blob(chunks)
    await keep({ file: { name: cleanFileName(name.slice(prefix.length)), size, content } })
    await writable.close()
  } catch (error) {
    await writable.abort(error).catch(() => {})
  }
}
