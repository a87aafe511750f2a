/** Reading a snapshot from a stream: in one piece or many, with a bound, and in browsers whose streams are no async iterables. */

import { describe, expect, it } from 'vitest'
import { maxSnapshotBytes } from '../../../lib/base/limits.ts'
import { readSnapshot } from '../../../lib/mesh/snapshot-stream.ts'

/** As in Safari. */
function streamOf(chunks: Uint8Array[], onCancel = () => {}): ReadableStream<Uint8Array> {
  const readable = new ReadableStream<Uint8Array>({
    pull(controller) {
      const chunk = chunks.shift()
      if (chunk) controller.enqueue(chunk)
      else controller.close()
    },
    cancel: onCancel,
  })
  return Object.assign(readable, { [Symbol.asyncIterator]: undefined, values: undefined })
}

describe('readSnapshot', () => {
  it('puts the pieces together', async () => {
    const readable = streamOf([Uint8Array.of(1, 2), Uint8Array.of(3)])
    expect(await readSnapshot({ readable })).toEqual(Uint8Array.of(1, 2, 3))
  })

  it('cancels what is too large', async () => {
    let isCancelled = false
    const endless = [new Uint8Array(maxSnapshotBytes), new Uint8Array(1), new Uint8Array(1)]
    const readable = streamOf(endless, () => (isCancelled = true))
    await expect(readSnapshot({ readable })).rejects.toMatchObject({ code: 'too-large' })
    expect(isCancelled).toBe(true)
  })
})
