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
  /** A card of the peer. @throws HandfastError when it is not one */
  readonly takeCard: (card: Uint8Array) => void
}

export class Conversation implements SessionHandler, Source {
  readonly session: Session
  readonly calls: Calls
  readonly streams: Streams
  /** Whether the peer has shown to be live on this session. */
  isProven = false
  readonly #parts: ConversationParts
  /** All up to this was acknowledged here. */
  #acknowledged = Infinity
  #peerLogId: Uint8Array | undefined
  #cards = 0

  constructor(session: Session, parts: ConversationParts) {
    this.session = session
    this.#parts = parts
    this.calls = new Calls(parts.handlers, () => session.wake(), parts.nextTransferId)
    this.streams = new Streams(session, parts.acceptStream)
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
    this.session.addSource(this, 'interactive')
    this.session.addSource(this.calls, 'interactive')
    void this.session.ended.then(() => {
      this.calls.close()
      this.streams.close()
    })
    this.session.start(this, until)
  }

  /** One cumulative acknowledgement for all that was handled since the last frame. */
  get pending(): boolean {
    return this.#parts.inbox.handled > this.#acknowledged
  }

  fill(writer: FrameWriter): void {
    const { handled } = this.#parts.inbox
    if (writer.record(encode([recordKinds.ack, handled]))) this.#acknowledged = handled
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
      else this.#take(record)
    }
    this.#parts.inbox.deliver()
    this.session.wake()
  }

  #takeHello(record: Record): void {
    const fields = new Fields(record, 6, 'protocol')
    if (this.#peerLogId) throw malformed()
    fields.any()
    fields.constant(version)
    const peerLogId = fields.bytes(logIdBytes).slice()
    const firstHeld = fields.integer(1)
    const ownLogId = fields.nullable(() => fields.bytes(logIdBytes))
    const handled = fields.integer()
    const { outbox, inbox } = this.#parts
    this.#peerLogId = peerLogId
    inbox.begin(peerLogId, firstHeld)
    // The peer has said which log it speaks of: tell it what was handled, also since our hello.
    this.#acknowledged = 0
    if (ownLogId && equalBytes(ownLogId, outbox.logId)) outbox.acknowledge(handled)
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

const malformed = () => new HandfastError('protocol')
