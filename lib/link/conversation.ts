/**
 * What a link does on one session: says hello, takes the records apart, acknowledges. Requests and streams live and die
 * with it; messages outlive it in the outbox and the inbox.
 */

import { equalBytes, toBase64url } from '../base/bytes.ts'
import { maxAnnouncementsPerSession, maxRefusalsPerRecord } from '../base/limits.ts'
import { encode, type CborValue } from '../codec/cbor.ts'
import { Fields } from '../codec/fields.ts'
import * as recordKinds from '../codec/record-kinds.ts'
import { malformed, type Record } from '../codec/records.ts'
import { blake2b } from '../crypto/hash.ts'
import type { FrameWriter } from '../session/frame-writer.ts'
import type { Session, SessionHandler } from '../session/session.ts'
import type { Source } from '../session/sources.ts'
import { Calls, type RequestHandlers } from './calls.ts'
import type { Inbox } from './inbox.ts'
import type { Position } from './progress.ts'
import type { Outbox } from './outbox.ts'
import { Refusals } from './refusals.ts'
import type { Rights } from './rights.ts'
import { isUint32, Streams, type LinkStream } from './streams.ts'

const version = 1
const idBytes = 16
const maxSequence = 0xffff_ffff

/** What a session does for signaling between the peer and others. */
export interface SignalPart {
  /** The peer is proven to be live. */
  readonly begin: () => void
  /** @throws HandfastError for a record that the peer should not have sent */
  readonly take: (record: Record) => void
  readonly close: () => void
}

/** What each side says of its own accord: at the start of a session, and again whenever it has changed. */
export interface Announcements {
  /** All of it, to that device. */
  readonly own: (peerDeviceKey: Uint8Array) => CborValue[][]
  /** @throws HandfastError for a record that the peer should not have sent */
  readonly take: (record: Record, peerDeviceKey: Uint8Array) => void
}

/** Of what was said: to tell what is new, not to be safe from anybody. */
const hashBytes = 16

const announced: readonly number[] = [
  recordKinds.card,
  recordKinds.revocations,
  recordKinds.grant,
  recordKinds.sync,
]

/** What of the link a conversation works on. */
export interface ConversationParts {
  readonly outbox: Outbox
  /** Of the device at the other end. */
  readonly inbox: Inbox
  /** What the peer may do on this session, at any time. */
  readonly rights: Rights
  /** A record of the peer was refused, for want of that scope. */
  readonly onRefused: (scope: string) => void
  readonly receivers: RequestHandlers & { stream(stream: LinkStream): boolean }
  readonly nextTransferId: () => number
  /** Default: nothing is said, and what the peer says is not heard. */
  readonly announcements?: Announcements | undefined
  /** Default: nothing is sent, and what comes is not heard. */
  readonly signals?: ((send: Calls['push']) => SignalPart) | undefined
  /** The peer has said hello. */
  readonly onGreeted: (conversation: Conversation) => void
}

export class Conversation implements SessionHandler, Source {
  readonly session: Session
  readonly calls: Calls
  readonly streams: Streams
  /** Whether the peer has shown to be live on this session. */
  isProven = false
  readonly #parts: ConversationParts
  /** What the peer has been told in this session. */
  #told:
    | {
        readonly logId: Uint8Array | null
        readonly highestSent: number
        readonly position: Position | undefined
      }
    | undefined
  isGreeted = false
  /** The peer's log and run, as it named them. None: its messages go elsewhere. */
  #peerLogId: Uint8Array | null = null
  /** Hashes of what the peer was told last. */
  #announced: ReadonlySet<string> = new Set()
  /** By the peer. */
  #announcements = 0
  #isTurnedAway = false
  /** None while the peer may not signal. */
  #signals: SignalPart | undefined
  /** What the peer has refused, of that which its next ack or hello tells of; in this log. */
  #refused = new Refusals()
  #refusedLogId: Uint8Array | undefined
  /** Up to where the peer has been told what was refused, since the last ack or hello. */
  #toldRefused = 0
  #peerRun: Uint8Array | undefined
  /** Our log, if the peer's acknowledgements speak of it. */
  #acknowledgedLogId: Uint8Array | undefined

  constructor(session: Session, parts: ConversationParts) {
    this.session = session
    this.#parts = parts
    const { receivers, nextTransferId } = parts
    const rights: Rights = { allows: (scope) => this.#allows(scope) }
    this.calls = new Calls(receivers, () => session.wake(), nextTransferId, rights)
    this.streams = new Streams(session, (stream) => receivers.stream(stream), rights)
  }

  /** Begins to speak when the log is read, and to listen when `until` has resolved, too. */
  async start(until?: Promise<void>): Promise<void> {
    const { outbox, inbox } = this.#parts
    void this.session.ended.then(() => this.#end())
    this.#listenForSignals()
    try {
      await Promise.all([outbox.announce(), inbox.ready])
    } catch {
      return this.session.abandon('closed')
    }
    if (!this.session.isOpen) return
    this.sayHello()
    this.session.sources.add(this, 'interactive')
    this.session.sources.add(this.calls, 'interactive')
    this.session.start(this, until)
  }

  #allows(scope: string): boolean {
    const { rights, onRefused } = this.#parts
    const isAllowed = rights.allows(scope)
    if (!isAllowed) onRefused(scope)
    return isAllowed
  }

  /** What one side may do has changed. Signaling begins anew: the peer may have ignored what it was told before. */
  review(): void {
    if (this.#isTurnedAway || !this.session.isOpen) return
    this.streams.review()
    this.#signals?.close()
    this.#listenForSignals()
  }

  #listenForSignals(): void {
    const { rights, signals } = this.#parts
    const part = rights.allows('signal')
      ? signals?.((...args) => this.calls.push(...args))
      : undefined
    this.#signals = part
    this.session.confirmed.then(
      () => this.session.isOpen && this.#signals === part && part?.begin(),
      () => {},
    )
  }

  /** First in a session, and again when what it said has changed. */
  sayHello(): void {
    const { outbox, inbox } = this.#parts
    const position = inbox.progress.committed
    const { logId, firstHeld, highestSent } = outbox.introduction(this.device)
    this.#sayRefused(0)
    this.#toldRefused = 0
    this.#told = { logId, highestSent, position }
    this.session.control([
      recordKinds.hello,
      version,
      logId,
      outbox.head.run,
      firstHeld,
      highestSent,
      position?.logId ?? null,
      position?.handled ?? 0,
      position?.run ?? null,
    ])
  }

  /** Says again what has been said of the outgoing log and is true no more: it is another, or others have brought some of it. */
  catchUp(): void {
    const { logId, highestSent } = this.#parts.outbox.introduction(this.device)
    const told = this.#told
    if (told && (told.logId !== logId || told.highestSent < highestSent)) this.sayHello()
  }

  /** Says what is new of what there is to say to a peer that is proven. */
  announce(): void {
    const before = this.#announced
    const now = new Set<string>()
    this.#announced = now
    for (const record of this.#parts.announcements?.own(this.device) ?? []) {
      const hash = toBase64url(blake2b(encode(record), hashBytes))
      now.add(hash)
      if (!before.has(hash)) this.calls.push(record)
    }
  }

  /** At the other end. */
  get device(): Uint8Array {
    return this.session.peerDeviceKey
  }

  /** Nothing that the peer says on this session from now on is heard; all that it hears is `lastWords`. */
  turnAway(lastWords: readonly CborValue[][]): void {
    if (this.#told) for (const record of lastWords) this.session.control(record)
    this.#isTurnedAway = true
    this.#end()
  }

  /** One cumulative acknowledgement for all that was handled since the last frame. */
  get pending(): boolean {
    const { committed } = this.#parts.inbox.progress
    return (
      this.#peerLogId !== null &&
      committed !== this.#told?.position &&
      equalBytes(committed!.logId, this.#peerLogId)
    )
  }

  /** Tells what was refused behind that number, before an ack or a hello does as if it were handled. Returns whether there was any. */
  #sayRefused(handled: number): boolean {
    const { inbox } = this.#parts
    const ends = inbox.progress.refusedAfter(Math.max(handled, this.#toldRefused))
    for (let at = 0; at < ends.length; at += 2 * maxRefusalsPerRecord) {
      const some = ends.slice(at, at + 2 * maxRefusalsPerRecord)
      this.session.control([recordKinds.refused, inbox.progress.committed!.logId, some])
    }
    this.#toldRefused = inbox.progress.committed?.handled ?? 0
    return ends.length > 0
  }

  fill(writer: FrameWriter): void {
    const position = this.#parts.inbox.progress.committed!
    const told = this.#told!
    const isSameLog = told.position && equalBytes(told.position.logId, position.logId)
    // An acknowledgement speaks of the log that the peer knows it does, and of what this session brought.
    if (isSameLog && position.run && equalBytes(position.run, this.#peerRun!)) {
      if (this.#sayRefused(told.position!.handled)) return
      if (writer.record(encode([recordKinds.ack, position.handled]))) {
        this.#told = { ...told, position }
        this.#toldRefused = 0
      }
    } else this.sayHello()
  }

  isIdle(): boolean {
    const { outbox, inbox } = this.#parts
    const waiting = outbox.head.isFor(this.device) ? outbox.length : 0
    return this.calls.size + this.streams.size + waiting === 0 && inbox.isEmpty
  }

  #end(): void {
    this.calls.close()
    this.streams.close()
    this.#signals?.close()
  }

  onRecords(records: readonly Record[]): void {
    if (this.#isTurnedAway) return
    for (const record of records) {
      const [kind] = record
      if (kind === recordKinds.hello) this.#takeHello(record)
      else if (kind === recordKinds.refused) this.#takeRefused(record)
      else if (!this.isGreeted) throw malformed()
      else if (announced.includes(kind)) this.#takeAnnouncement(record)
      else if (kind === recordKinds.signal) {
        if (this.#allows('signal')) this.#signals?.take(record)
      } else this.#take(record)
    }
    this.#parts.inbox.deliver()
    this.session.wake()
  }

  #takeHello(record: Record): void {
    const fields = new Fields(record, 9, 'protocol')
    fields.any()
    fields.constant(version)
    const peerLogId = fields.nullable(() => fields.bytes(idBytes).slice())
    const run = fields.bytes(idBytes).slice()
    const firstHeld = fields.integer(1, maxSequence)
    const highestSent = fields.integer(firstHeld - 1, maxSequence)
    const ownLogId = fields.nullable(() => fields.bytes(idBytes))
    const handled = fields.integer(0, maxSequence)
    const handledRun = fields.nullable(() => fields.bytes(idBytes))
    const { outbox, inbox } = this.#parts
    const isSameLog = peerLogId && this.#peerLogId && equalBytes(this.#peerLogId, peerLogId)
    if (!isSameLog) this.#toldRefused = 0
    const isFirst = !this.isGreeted
    this.isGreeted = true
    this.#peerLogId = peerLogId
    this.#peerRun = run
    if (peerLogId) inbox.begin(peerLogId, run, firstHeld, highestSent, isFirst)
    const isKnown = ownLogId !== null && equalBytes(ownLogId, outbox.head.logId)
    this.#acknowledgedLogId = isKnown ? outbox.head.logId : undefined
    if (ownLogId) {
      outbox.reconcile(this.device, ownLogId, handled, handledRun, this.#refusedOf(ownLogId))
    }
    this.#refused = new Refusals()
    this.#parts.onGreeted(this)
  }

  #takeAnnouncement(record: Record): void {
    // One's own devices have as much to say as there are contacts; nobody else is heard with that.
    const isBounded = record[0] !== recordKinds.sync
    if (isBounded && ++this.#announcements > maxAnnouncementsPerSession) throw malformed()
    this.#parts.announcements?.take(record, this.session.peerDeviceKey)
  }

  #takeRefused(record: Record): void {
    const fields = new Fields(record, 3, 'protocol')
    fields.any()
    const logId = fields.bytes(idBytes).slice()
    const ends = fields.array(2 * maxRefusalsPerRecord, (end) => end.any())
    this.#refused = this.#refusedOf(logId)
    this.#refusedLogId = logId
    this.#refused.join(ends)
  }

  #refusedOf(logId: Uint8Array): Refusals {
    const isOf = this.#refusedLogId && equalBytes(this.#refusedLogId, logId)
    return isOf ? this.#refused : new Refusals()
  }

  #take(record: Record): void {
    const { outbox, inbox } = this.#parts
    const [kind, id, value] = record
    if (!isUint32(id)) throw malformed()
    switch (kind) {
      case recordKinds.message:
        if (value !== null && !(value instanceof Uint8Array)) throw malformed()
        if (!this.#peerLogId) throw malformed()
        // A session that a reloaded peer left behind may speak of a log that is gone.
        if (inbox.progress.isOf(this.#peerLogId)) {
          inbox.receive(id, value, this.#peerRun!, this.#told?.position)
        }
        return
      case recordKinds.ack:
        // One of a log that was given up, or has gone on elsewhere, says nothing of the present one.
        if (!outbox.head.isFor(this.device)) return
        if (this.#acknowledgedLogId === outbox.head.logId) {
          outbox.acknowledge(id, this.#refusedOf(outbox.head.logId))
          this.#refused = new Refusals()
        } else if (this.#told?.logId === outbox.head.logId && !outbox.head.hasChanged)
          throw malformed()
        return
      case recordKinds.request:
      case recordKinds.response:
      case recordKinds.failure:
      case recordKinds.cancel:
        return this.calls.receive(id, record)
      case recordKinds.streamOpen:
      case recordKinds.streamData:
      case recordKinds.streamCredit:
      case recordKinds.streamEnd:
      case recordKinds.streamReset:
        return this.streams.receive(id, record)
      default:
        throw malformed()
    }
  }
}
