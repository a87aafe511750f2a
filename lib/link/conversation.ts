/**
 * What a link does on one session: says hello, takes the records apart, acknowledges. Requests and streams live and die
 * with it; messages outlive it in the outbox and the inbox.
 */

import { equalBytes } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import { encode } from '../codec/cbor.ts'
import { Fields } from '../codec/fields.ts'
import { recordKinds, type Record } from '../codec/records.ts'
import type { FrameWriter } from '../session/frame-writer.ts'
import type { Session, SessionHandler, Source } from '../session/session.ts'
import { Calls, type RequestHandlers } from './calls.ts'
import type { Inbox } from './inbox.ts'
import type { Outbox } from './outbox.ts'
import { isUint32, Streams, type LinkStream } from './streams.ts'

const version = 1
const logIdBytes = 16

/** What of the link a conversation works on. */
export interface ConversationParts {
  readonly outbox: Outbox
  readonly inbox: Inbox
  readonly handlers: RequestHandlers
  readonly acceptStream: (stream: LinkStream) => boolean
  readonly nextTransferId: () => number
}

export class Conversation implements SessionHandler {
  readonly session: Session
  readonly calls: Calls
  readonly streams: Streams
  /** Whether the peer has shown to be live on this session. */
  isProven = false
  readonly #parts: ConversationParts
  readonly #acks: Acks
  #peerLogId: Uint8Array | undefined

  constructor(session: Session, parts: ConversationParts) {
    this.session = session
    this.#parts = parts
    this.calls = new Calls(parts.handlers, () => session.wake(), parts.nextTransferId)
    this.streams = new Streams(session, parts.acceptStream)
    this.#acks = new Acks(parts.inbox)
  }

  /** Begins to speak at once, and to listen when `until` has resolved. */
  start(until?: Promise<void>): void {
    const { outbox, inbox } = this.#parts
    this.session.control([
      recordKinds.hello,
      version,
      outbox.logId,
      outbox.firstHeld,
      inbox.logId ?? null,
      inbox.handled,
    ])
    this.session.addSource(this.#acks, 'interactive')
    this.session.addSource(this.calls, 'interactive')
    void this.session.ended.then(() => {
      this.calls.close()
      this.streams.close()
    })
    this.session.start(this, until)
  }

  /** Something was handled: tell the peer, with whatever leaves next. */
  acknowledge(): void {
    this.session.wake()
  }

  isIdle(): boolean {
    const { outbox, inbox } = this.#parts
    return this.calls.size + this.streams.size + outbox.length === 0 && inbox.isEmpty
  }

  onRecords(records: readonly Record[]): void {
    for (const record of records) {
      const [kind] = record
      if (kind === recordKinds.hello) this.#takeHello(record)
      else if (!this.#peerLogId) throw new HandfastError('protocol', 'The first record is hello')
      else this.#take(record)
    }
    this.#parts.inbox.deliver()
    this.session.wake()
  }

  #takeHello(record: Record): void {
    const fields = new Fields(record, 6, 'protocol')
    if (this.#peerLogId) fields.fail('a second hello')
    fields.any()
    fields.constant(version)
    const peerLogId = fields.bytes(logIdBytes)
    const firstHeld = fields.integer(1)
    const ownLogId = fields.nullable(() => fields.bytes(logIdBytes))
    const handled = fields.integer()
    const { outbox, inbox } = this.#parts
    this.#peerLogId = peerLogId
    inbox.begin(peerLogId, firstHeld)
    this.#acks.begin()
    if (ownLogId && equalBytes(ownLogId, outbox.logId)) outbox.acknowledge(handled)
  }

  #take(record: Record): void {
    const { outbox, inbox } = this.#parts
    const [kind, id, value] = record
    if (!isUint32(id)) throw malformed()
    switch (kind) {
      case recordKinds.message:
        if (!(value instanceof Uint8Array)) throw malformed()
        // A session that a reloaded peer left behind speaks of a log that is gone.
        if (inbox.logId === this.#peerLogId || equalBytes(inbox.logId!, this.#peerLogId!)) {
          inbox.receive(id, value)
        }
        return
      case recordKinds.ack:
        return outbox.acknowledge(id)
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

/** One cumulative acknowledgement for all that was handled since the last frame. */
class Acks implements Source {
  readonly #inbox: Inbox
  #acknowledged = Infinity

  constructor(inbox: Inbox) {
    this.#inbox = inbox
  }

  /** The peer has said which log it speaks of: tell it what was handled, also since our hello. */
  begin(): void {
    this.#acknowledged = 0
  }

  get pending(): boolean {
    return this.#inbox.handled > this.#acknowledged
  }

  fill(writer: FrameWriter): void {
    const { handled } = this.#inbox
    if (writer.record(encode([recordKinds.ack, handled]))) this.#acknowledged = handled
  }
}

const malformed = () => new HandfastError('protocol', 'A record the peer may not send')
