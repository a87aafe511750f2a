/** How a snapshot gets to another tab or device of one's own: as the bytes of a stream that the receiver opens. */

import { concat } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import { maxSnapshotBytes } from '../base/limits.ts'
import type { LinkStream } from '../link/streams.ts'

/** Its name. */
export const snapshotStream = 'snapshot'

/** Never rejects: a receiver that has no end of it has none of it. */
export async function sendSnapshot(
  writable: LinkStream['writable'],
  take: () => Promise<Uint8Array>,
): Promise<void> {
  const writer = writable.getWriter()
  try {
    await writer.write(await take())
    await writer.close()
  } catch (error) {
    await writer.abort(error).catch(() => {})
  }
}

/** @throws HandfastError `interrupted`, `too-large` */
export async function readSnapshot({
  readable,
}: Pick<LinkStream, 'readable'>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  // By hand: Safari's streams are no async iterables.
  const reader = readable.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return concat(...chunks)
    bytes += value.length
    if (bytes > maxSnapshotBytes) {
      void reader.cancel().catch(() => {})
      throw new HandfastError('too-large')
    }
    chunks.push(value)
  }
}
