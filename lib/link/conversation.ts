/**
 * What a link does on one session: says hello, takes the records apart, acknowledges. Requests and streams live and die
 * with it; messages outlive it in the outbox and the inbox.
 */

import { equalBytes } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import { maxCardBytes, maxCardsPerSession } from '../base/limits.ts'
import { encode } from '../codec/cbor.ts'
import { Fields } from '../codec/fields.ts'
import { recordKinds, type Record } from '../codec/records.ts'
import type { FrameWriter } from '../session/frame-writer.ts'
import type { Session, SessionHandler, Source } from '../session/session.ts'
import { Calls, type RequestHandlers } from './calls.ts'
import type { Inbox, Position } from './inbox.ts'
import type { Outbox } from './outbox.ts'
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

/** What of the link a conversation works on. */
export interface ConversationParts {
  readonly outbox: Outbox
  readonly inbox: Inbox
  /** Of this mesh. */
  readonly run: Uint8Array
  readonly handlers: RequestHandlers
  readonly acceptStream: (stream: LinkStream) => boolean
  readonly nextTransferId: () => number
  /** A card of the peer. @throws HandfastError when it is not one */
  readonly takeCard: (card: Uint8Array) => void
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
        readonly logId: Uint8Array
        readonly highestSent: number
        readonly position: Position | undefined
      }
    | undefined
  /** The peer's log and run, as it named them. */
  #peerLogId: Uint8Array | undefined
  #cards = 0
  readonly #signals: SignalPart | undefined
  #peerRun: Uint8Array | undefined
  /** Our log, if the peer's acknowledgements speak of it. */
  #acknowledgedLogId: Uint8Array | undefined

  constructor(session: Session, parts: ConversationParts) {
    this.session = session
    this.#parts = parts
    this.calls = new Calls(parts.handlers, () => session.wake(), parts.nextTransferId)
    this.streams = new Streams(session, parts.acceptStream)
    this.#signals = parts.signals?.((...args) => this.calls.push(...args))
  }

  /** Begins to speak when the log is read, and to listen when `until` has resolved, too. */
  async start(until?: Promise<void>): Promise<void> {
    const { outbox, inbox } = this.#parts
    void this.session.ended.then(() => {
      this.calls.close()
      this.streams.close()
      this.#signals?.close()
    })
    this.session.confirmed.then(
      () => this.session.isOpen && this.#signals?.begin(),
      () => {},
    )
    try {
      await Promise.all([outbox.announce(), inbox.ready])
    } catch {
      return this.session.abandon('closed')
    }
    if (!this.session.isOpen) return
    this.sayHello()
    this.session.addSource(this, 'interactive')
    this.session.addSource(this.calls, 'interactive')
    this.session.start(this, until)
  }

  /** First in a session, and again when what it said has changed. */
  sayHello(): void {
    const { outbox, inbox, run } = this.#parts
    const position = inbox.committed
    const { logId, highestSent } = outbox
    this.#told = { logId, highestSent, position }
    this.session.control([
      recordKinds.hello,
      version,
      outbox.logId,
      run,
      outbox.firstHeld,
      outbox.highestSent,
      position?.logId ?? null,
      position?.handled ?? 0,
      position?.run ?? null,
    ])
  }

  /** Messages are going to be sent on this session. Says first what others have brought since it began. */
  catchUp(): void {
    if (this.#told && this.#told.highestSent < this.#parts.outbox.highestSent) this.sayHello()
  }

  get isGreeted(): boolean {
    return this.#peerLogId !== undefined
  }

  /** One cumulative acknowledgement for all that was handled since the last frame. */
  get pending(): boolean {
    const { committed } = this.#parts.inbox
    return (
      this.#peerLogId !== undefined &&
      committed !== this.#told?.position &&
      equalBytes(committed!.logId, this.#peerLogId)
    )
  }

  fill(writer: FrameWriter): void {
    const position = this.#parts.inbox.committed!
    const told = this.#told!
    const isSameLog = told.position && equalBytes(told.position.logId, position.logId)
    // An acknowledgement speaks of the log that the peer knows it does, and of what this session brought.
    if (isSameLog && position.run && equalBytes(position.run, this.#peerRun!)) {
      if (writer.record(encode([recordKinds.ack, position.handled]))) {
        this.#told = { ...told, position }
      }
    } else this.sayHello()
  }

  isIdle(): boolean {
    const { outbox, inbox } = this.#parts
    return this.calls.size + this.streams.size + outbox.length === 0 && inbox.isEmpty
  }

  onRecords(records: readonly Record[]): void {
    for (const record of records) {
      const [kind] = record
      if (kind === recordKinds.hello) this.#takeHello(record)
      else if (!this.#peerLogId) throw malformed()
      else if (kind === recordKinds.card) this.#takeCard(record)
      else if (kind === recordKinds.signal) this.#signals?.take(record)
      else this.#take(record)
    }
    this.#parts.inbox.deliver()
    this.session.wake()
  }

  #takeHello(record: Record): void {
    const fields = new Fields(record, 9, 'protocol')
    fields.any()
    fields.constant(version)
    const peerLogId = fields.bytes(idBytes).slice()
    const run = fields.bytes(idBytes).slice()
    const firstHeld = fields.integer(1, maxSequence)
    const highestSent = fields.integer(firstHeld - 1, maxSequence)
    const ownLogId = fields.nullable(() => fields.bytes(idBytes))
    const handled = fields.integer(0, maxSequence)
    const handledRun = fields.nullable(() => fields.bytes(idBytes))
    const { outbox, inbox } = this.#parts
    this.#peerLogId = peerLogId
    this.#peerRun = run
    inbox.begin(peerLogId, run, firstHeld, highestSent)
    this.#acknowledgedLogId = undefined
    if (ownLogId && equalBytes(ownLogId, outbox.logId)) {
      this.#acknowledgedLogId = outbox.logId
      outbox.reconcile(handled, handledRun)
    }
    this.#parts.onGreeted(this)
  }

  #takeCard(record: Record): void {
    const fields = new Fields(record, 2, 'protocol')
    fields.any()
    if (++this.#cards > maxCardsPerSession) throw malformed()
    this.#parts.takeCard(fields.bytes(1, maxCardBytes))
  }

  #take(record: Record): void {
    const { outbox, inbox } = this.#parts
    const [kind, id, value] = record
    if (!isUint32(id)) throw malformed()
    switch (kind) {
      case recordKinds.message:
        if (value !== null && !(value instanceof Uint8Array)) throw malformed()
        // A session that a reloaded peer left behind may speak of a log that is gone.
        if (inbox.isOf(this.#peerLogId!)) {
          inbox.receive(id, value, this.#peerRun!, this.#told?.position)
        }
        return
      case recordKinds.ack:
        // One of a log that was given up says nothing of the present one.
        if (this.#acknowledgedLogId === outbox.logId) outbox.acknowledge(id)
        else if (this.#told?.logId === outbox.logId && !outbox.hasRolledBack) throw malformed()
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

const malformed = () => new HandfastError('protocol')
