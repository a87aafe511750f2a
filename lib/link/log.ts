/**
 * What a link's log is in storage. Outbox: a head record, key `<peer>`, and segments, key `<peer>/<first number, 16 digits>`, each one byte
 * array of many messages with their lengths. Inbox: a record for each device of the peer, key `<peer>/<device key>`, with the positions in
 * that device's last logs. Drafts: what tabs that do not lead have accepted, a record each, key `<peer>/<tab>/<n, 16 digits>`: the message, and once it is in the log, a marker
 * in its place that names it.
 */

import { concat, equalBytes, fromBase64url, toBase64url } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import type { Runtime } from '../base/runtime.ts'
import type { GroupCommit } from '../storage/group-commit.ts'
import type { Store, StoreRecord, StoreValue, Table } from '../storage/store.ts'

/** What the one who writes logs writes to. */
export const logTables: readonly Table[] = ['outbox', 'inbox', 'drafts']

/** What the logs of one mesh share. */
export interface LogOptions {
  readonly store: Store
  /** Over `logTables`. */
  readonly commits: GroupCommit
  /** 16 random bytes that name the life of this mesh: a copy of a profile that starts gets others. */
  readonly run: Uint8Array
  /** `each`: a message's position is on disk before the next is handed over. */
  readonly commit: 'batch' | 'each'
}

export interface OutboxHead {
  logId: Uint8Array
  /** Of the peer, that the messages go to. None yet: to the first that comes. */
  device: Uint8Array | null
  /** Number of the next message. */
  next: number
  acked: number
  /** From which number on each run gave or sent them, oldest first. */
  runs: { id: Uint8Array; from: number }[]
  /** Ends of the stretches that the peer has refused, among those acknowledged. */
  refused?: number[]
}

export interface InboxRecord {
  /** The latest last. */
  logs: { logId: Uint8Array; run: Uint8Array; handled: number; refused?: number[] }[]
}

/** In place of a draft that is in the log. */
export interface Marker {
  /** Of the message. None: there are no more numbers. */
  id: string | null
}

const lengthBytes = 4
/** In place of a length: the message was withdrawn. */
const withdrawn = 0xffff_ffff

const digits = (n: number): string => String(n).padStart(16, '0')

export const segmentKey = (peer: string, first: number): string => `${peer}/${digits(first)}`

export const inboxKey = (peer: string, device: Uint8Array): string =>
  `${peer}/${toBase64url(device)}`

export const deviceOf = (inboxKey: string): Uint8Array =>
  fromBase64url(inboxKey.slice(inboxKey.indexOf('/') + 1))

export const draftKey = (peer: string, tab: string, n: number): string =>
  `${peer}/${tab}/${digits(n)}`

export function parseDraftKey(key: string): { tab: string; n: number } {
  const [, tab = '', n] = key.split('/')
  return { tab, n: Number(n) }
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

const isNumber = (value: unknown): boolean => Number.isSafeInteger(value)
const areNumbers = (value: unknown): boolean => Array.isArray(value) && value.every(isNumber)
const isId = (value: unknown): boolean => value instanceof Uint8Array && value.length === 16

/** @throws HandfastError `storage-failed` */
export function readHead(record: StoreValue | undefined): OutboxHead | undefined {
  if (record === undefined) return undefined
  const { logId, device = null, next, acked, runs, refused = [] } = (record ?? {}) as OutboxHead
  const isWell =
    isId(logId) &&
    (device === null || device instanceof Uint8Array) &&
    isNumber(next) &&
    isNumber(acked) &&
    Array.isArray(runs) &&
    runs.every((run) => isId(run?.id) && isNumber(run.from)) &&
    areNumbers(refused)
  if (!isWell) throw corrupted()
  return { logId, device, next, acked, runs, refused }
}

/** @throws HandfastError `storage-failed` */
export function readPositions(
  record: StoreValue | undefined,
): Required<InboxRecord['logs'][number]>[] {
  if (record === undefined) return []
  const { logs } = (record ?? {}) as InboxRecord
  if (!Array.isArray(logs)) throw corrupted()
  return logs.map((each) => {
    const { logId, run, handled, refused = [] } = each ?? {}
    if (!isId(logId) || !isId(run) || !isNumber(handled) || !areNumbers(refused)) throw corrupted()
    return { logId, run, handled, refused }
  })
}

/** What a marker says; `undefined` for what is none. */
export function readMarker(record: StoreValue | undefined): string | null | undefined {
  const id = (record as Marker | null | undefined)?.id
  return id === null || typeof id === 'string' ? id : undefined
}

export interface Segment {
  readonly first: number
  readonly values: readonly (Uint8Array | null)[]
}

/** The segments of a log, all without a hole. @throws HandfastError `storage-failed` */
export function readSegments(
  { acked, next }: OutboxHead,
  records: readonly StoreRecord[],
): Segment[] {
  let sequence = acked + 1
  const segments: Segment[] = []
  for (const { key, value } of records) {
    const first = Number(key.slice(key.lastIndexOf('/') + 1))
    const values = unpackSegment(value)
    if (!(first <= sequence)) throw corrupted()
    sequence = Math.max(sequence, first + values.length)
    segments.push({ first, values })
  }
  if (sequence !== next) throw corrupted()
  return segments
}

/**
 * A log id begins with what names the numbers: a log that goes on for another device of the peer keeps that, for its numbers mean the same
 * messages, and each keeps its id.
 */
const seriesBytes = 8

const seriesOf = (logId: Uint8Array): Uint8Array => logId.subarray(0, seriesBytes)

export const isSameSeries = (one: Uint8Array, other: Uint8Array): boolean =>
  equalBytes(seriesOf(one), seriesOf(other))

/** Of the log that goes on from another. */
export const continuedLogId = (logId: Uint8Array, runtime: Runtime): Uint8Array =>
  concat(seriesOf(logId), runtime.randomBytes(logId.length - seriesBytes))

export const seriesName = (logId: Uint8Array): string => toBase64url(seriesOf(logId))

/** What handlers and senders know a message by. */
export const messageId = (series: string, sequence: number): string => `${series}.${sequence}`

export const sequenceOf = (id: string): number => Number(id.slice(id.lastIndexOf('.') + 1))

/** What there is of the messages to a peer. @throws HandfastError `storage-failed` */
export function readLog(
  store: Store,
  peer: string,
): Promise<[OutboxHead | undefined, segments: StoreRecord[], drafts: StoreRecord[]]> {
  return store.transaction(['outbox', 'drafts'], { mode: 'read' }, async (transaction) => [
    readHead(await transaction.get('outbox', peer)),
    await transaction.list('outbox', `${peer}/`),
    await transaction.list('drafts', `${peer}/`),
  ])
}

/** Deletes the log of a peer that is forgotten. @throws HandfastError `storage-failed` */
export function eraseLog({ commits }: LogOptions, peer: string): Promise<void> {
  return commits.run(async (transaction) => {
    for (const table of logTables) {
      for (const { key } of await transaction.list(table, `${peer}/`)) {
        await transaction.delete(table, key)
      }
    }
    await transaction.delete('outbox', peer)
  })
}

export const forbidden = () => new HandfastError('forbidden', 'The peer refused the message')

export const exhausted = () => new HandfastError('exhausted', 'The log has no more numbers')

export const gone = () =>
  new HandfastError('storage-failed', 'The message is not in storage any more')

export const corrupted = () => new HandfastError('storage-failed', 'A record of a log is damaged')
