/**
 * What a link's log is in storage. Outbox: a head record, key `<peer>`, and segments, key `<peer>/<first number, 16 digits>`, each one byte
 * array of many messages with their lengths. Inbox: one record, key `<peer>`, with the positions in the peer's last logs.
 */

import { HandfastError } from '../base/errors.ts'
import type { GroupCommit } from '../storage/group-commit.ts'
import type { Store } from '../storage/store.ts'

/** What the logs of one mesh share. */
export interface LogOptions {
  readonly store: Store
  /** Over the tables `outbox` and `inbox`. */
  readonly commits: GroupCommit
  /** 16 random bytes that name the life of this mesh: a copy of a profile that starts gets others. */
  readonly run: Uint8Array
  /** `each`: a message's position is on disk before the next is handed over. */
  readonly commit: 'batch' | 'each'
}

export interface OutboxHead {
  logId: Uint8Array
  /** Number of the next message. */
  next: number
  acked: number
  /** From which number on each run gave or sent them, oldest first. */
  runs: { id: Uint8Array; from: number }[]
}

export interface InboxRecord {
  /** The latest last. */
  logs: { logId: Uint8Array; run: Uint8Array; handled: number }[]
}

const lengthBytes = 4
/** In place of a length: the message was withdrawn. */
const withdrawn = 0xffff_ffff

export const segmentKey = (peer: string, first: number): string =>
  `${peer}/${String(first).padStart(16, '0')}`

/** @throws for a key of another form; the first number of a segment */
export function firstOfSegment(key: string): number {
  const first = Number(key.slice(key.lastIndexOf('/') + 1))
  if (!Number.isSafeInteger(first) || first < 1) throw corrupted()
  return first
}

export const segmentCost = (value: Uint8Array | null): number => lengthBytes + (value?.length ?? 0)

export function packSegment(values: readonly (Uint8Array | null)[]): Uint8Array {
  const segment = new Uint8Array(values.reduce((sum, value) => sum + segmentCost(value), 0))
  const view = new DataView(segment.buffer)
  let offset = 0
  for (const value of values) {
    view.setUint32(offset, value ? value.length : withdrawn)
    if (value) segment.set(value, offset + lengthBytes)
    offset += segmentCost(value)
  }
  return segment
}

/** Views of the segment. @throws HandfastError `storage-failed` */
export function unpackSegment(segment: unknown): (Uint8Array | null)[] {
  if (!(segment instanceof Uint8Array)) throw corrupted()
  const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength)
  const values: (Uint8Array | null)[] = []
  for (let offset = 0; offset < segment.length;) {
    if (offset + lengthBytes > segment.length) throw corrupted()
    const length = view.getUint32(offset)
    offset += lengthBytes
    if (length === withdrawn) {
      values.push(null)
      continue
    }
    if (offset + length > segment.length) throw corrupted()
    values.push(segment.subarray(offset, offset + length))
    offset += length
  }
  return values
}

/** Deletes the log of a peer that is forgotten. @throws HandfastError `storage-failed` */
export function eraseLog({ commits }: LogOptions, peer: string): Promise<void> {
  return commits.run(async (transaction) => {
    for (const { key } of await transaction.list('outbox', `${peer}/`)) {
      await transaction.delete('outbox', key)
    }
    await transaction.delete('outbox', peer)
    await transaction.delete('inbox', peer)
  })
}

export const corrupted = () => new HandfastError('storage-failed', 'A record of a log is damaged')
