/**
 * Files from one person to another: each a stream that begins with its name and size. The other side closes its way back when the file is
 * kept, or says there, in a word, why it is not. Whoever sends less than was announced has cancelled; a stream that is cut off was lost.
 *
 *     u16 length ‖ {"name", "size"} ‖ the bytes of the file →
 *                                                           ← nothing, or a reason
 */

import type { Link, LinkStream } from 'handfast'
import { cleanFileName } from './file-name.ts'
import { FileProblem, fileProblemOf, type FileProblemKind } from './file-problem.ts'

/** Kept in memory until it is whole. */
const maxFileBytes = 64 * 1024 * 1024

/** A file is read and sent in such pieces; some browsers would give it in one. */
const pieceBytes = 256 * 1024

/** Of what precedes a file. */
const maxHeadBytes = 2048

const maxAnswerLength = 32

/** Pieces of a file that are held one by one. */
const maxPieces = 1024

/** From one person at a time. */
const maxIncoming = 4

const patienceMs = 60_000

/** Who was told to stop has so long to do so. */
const stopPatienceMs = 5000

const streamName = 'file'

/** What the receiving side may say, and what it means on the other side. */
const answers: Partial<Record<string, FileProblemKind>> = {
  cancelled: 'cancelled there',
  'not kept': 'not kept',
  'too large': 'too large',
  'too many': 'too many',
}

type Bytes = Uint8Array<ArrayBuffer>

export interface FileHead {
  name: string
  size: number
}

/** How one of them fares. */
export interface Watcher {
  /** The other side is there. */
  begun(): void
  /** So many bytes, altogether. */
  moved(bytes: number): void
}

/** Resolves when the other side has kept it. @throws FileProblem */
export async function sendFile(
  link: Link,
  file: File,
  { begun, moved }: Watcher,
  signal: AbortSignal,
): Promise<void> {
  if (file.size > maxFileBytes) throw new FileProblem('too large')
  try {
    const stream = await link.openStream(streamName, { timeoutMs: patienceMs, signal })
    begun()
    await pour(file, stream, moved, signal)
  } catch (error) {
    throw signal.aborted ? new FileProblem('cancelled here') : fileProblemOf(error)
  }
}

async function pour(
  file: File,
  { readable, writable }: LinkStream,
  moved: Watcher['moved'],
  signal: AbortSignal,
): Promise<void> {
  const writer = writable.getWriter()
  const kept = readAnswer(readable).then((why) => {
    if (why !== '') throw new FileProblem(answers[why] ?? 'lost')
  })
  const stopped = new Promise<never>((_, reject) => {
    kept.catch(reject)
    signal.addEventListener('abort', () => reject(signal.reason))
  })
  stopped.catch(() => {})
  const unlessStopped = <T>(step: Promise<T>) => Promise.race([step, stopped])
  try {
    await unlessStopped(writer.write(headOf(file)))
    for (let sent = 0; sent < file.size; sent += pieceBytes) {
      const piece = file.slice(sent, sent + pieceBytes)
      const bytes = new Uint8Array(await unlessStopped(piece.arrayBuffer().catch(unreadable)))
      await unlessStopped(writer.write(bytes))
      moved(sent + bytes.length)
    }
    await unlessStopped(writer.close())
    await unlessStopped(kept)
  } catch (error) {
    // Less than was announced.
    writer.close().catch(() => {})
    throw error
  }
}

/** Through a `Response`, the reason why a stream was cut off would be lost. */
async function readAnswer(readable: LinkStream['readable']): Promise<string> {
  const decoder = new TextDecoder()
  let answer = ''
  for (const reader = readable.getReader(); answer.length <= maxAnswerLength;) {
    const { done, value } = await reader.read()
    if (done) return answer
    answer += decoder.decode(value, { stream: true })
  }
  throw new FileProblem('lost')
}

function unreadable(cause: unknown): never {
  throw new FileProblem('unreadable', cause)
}

function headOf({ name, size }: File): Bytes {
  const text = new TextEncoder().encode(JSON.stringify({ name: cleanFileName(name), size }))
  const bytes = new Uint8Array(2 + text.length)
  new DataView(bytes.buffer).setUint16(0, text.length)
  bytes.set(text, 2)
  return bytes
}

/** What takes a file that comes. */
export interface Incoming extends Watcher {
  /** Aborts when it is not wanted any more. */
  readonly signal: AbortSignal
  keep(content: Blob): Promise<unknown>
  failed(why: FileProblemKind): void
}

const underWay = new WeakMap<Link, number>()

/** Takes a file; what is none is turned away. */
export async function receiveFile(
  link: Link,
  { name, readable, writable }: LinkStream,
  begin: (head: FileHead) => Incoming,
): Promise<void> {
  const count = underWay.get(link) ?? 0
  underWay.set(link, count + 1)
  const reader = readable.getReader()
  const answer = async (why = '') => {
    const writer = writable.getWriter()
    if (why !== '') await writer.write(new TextEncoder().encode(why))
    await writer.close()
  }
  const refuse = async (why: string) => {
    await answer(why)
    await drain(reader)
  }
  try {
    if (name !== streamName) throw new FileProblem('unwanted')
    if (count >= maxIncoming) return await refuse('too many')
    const { head, rest } = await readHead(reader)
    if (head.size > maxFileBytes) return await refuse('too large')
    const incoming = begin(head)
    try {
      const content = await gather(reader, rest, head.size, incoming)
      await incoming.keep(content).catch((cause: unknown) => {
        throw new FileProblem('not kept', cause)
      })
    } catch (error) {
      const { kind } = fileProblemOf(error)
      incoming.failed(kind)
      if (kind === 'not kept') return await answer(kind)
      if (kind === 'cancelled here') return await refuse('cancelled')
      throw error
    }
    await answer()
  } catch {
    // Whichever way it is held up, that ends both.
    reader.cancel().catch(() => {})
    writable.abort().catch(() => {})
  } finally {
    underWay.set(link, underWay.get(link)! - 1)
  }
}

type Reader = ReadableStreamDefaultReader<Uint8Array>

async function readHead(reader: Reader): Promise<{ head: FileHead; rest: Bytes }> {
  let bytes: Bytes = new Uint8Array()
  for (;;) {
    const length = bytes.length < 2 ? maxHeadBytes : new DataView(bytes.buffer).getUint16(0)
    if (length > maxHeadBytes) throw new FileProblem('lost')
    if (bytes.length >= 2 + length) {
      const text = new TextDecoder().decode(bytes.subarray(2, 2 + length))
      return { head: parseHead(JSON.parse(text)), rest: bytes.slice(2 + length) }
    }
    const { done, value } = await reader.read()
    if (done) throw new FileProblem('lost')
    bytes = new Uint8Array([...bytes, ...value])
  }
}

function parseHead(head: unknown): FileHead {
  const { name, size } = head as Partial<Record<string, unknown>>
  if (typeof name !== 'string' || !Number.isSafeInteger(size) || (size as number) < 0) {
    throw new FileProblem('lost')
  }
  return { name: cleanFileName(name), size: size as number }
}

/** @throws FileProblem unless it is as long as was announced */
async function gather(
  reader: Reader,
  first: Bytes,
  size: number,
  { begun, moved, signal }: Incoming,
): Promise<Blob> {
  const cancelled = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new FileProblem('cancelled here')))
  })
  cancelled.catch(() => {})
  const chunks: BlobPart[] = [first]
  let length = first.length
  begun()
  for (;;) {
    if (length > size) throw new FileProblem('lost')
    moved(length)
    const { done, value } = await Promise.race([reader.read(), cancelled])
    if (done) break
    chunks.push(value as Bytes)
    length += value.length
    // Whoever sends it byte by byte must not fill the memory with pieces.
    if (chunks.length >= maxPieces) chunks.splice(0, maxPieces, new Blob(chunks))
  }
  if (length < size) throw new FileProblem('cancelled there')
  return new Blob(chunks)
}

/** What was under way when the other side was told to stop. */
async function drain(reader: Reader): Promise<void> {
  const timer = setTimeout(() => void reader.cancel().catch(() => {}), stopPatienceMs)
  try {
    while (!(await reader.read()).done);
  } catch {
    // It was cut off, which is as good.
  }
  clearTimeout(timer)
}
