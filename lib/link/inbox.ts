/**
 * The inbox: messages of one device of the peer in order, each handed to the application once, the next when the handlers of the one before have
 * returned; then it counts as handled. Without a handler messages wait. What the sender may have on its way bounds what waits here.
 */

import { equalBytes } from '../base/bytes.ts'
import { reportError, type Emitter } from '../base/emitter.ts'
import * as limits from '../base/limits.ts'
import { Queue } from '../base/queue.ts'
import { decodeSequence } from '../codec/cbor.ts'
import { malformed } from '../codec/records.ts'
import { bytesOf } from './entries.ts'
import type { Gap, SessionsEvents } from './events.ts'
import { Progress, type Position, type ProgressOptions } from './progress.ts'
import { isName, messageScope, type Rights } from './rights.ts'

/** What a handler gets beside the message. */
export interface MessageInfo {
  /** The same whenever the same message comes again. */
  readonly id: string
  /** Whether a handler may have been given it before: one that threw, or one of a page that is gone. */
  readonly redelivered: boolean
  /** What the sender says it is about; it may be granted for itself. */
  readonly topic?: string | undefined
}

/** Takes one message. The message counts as handled when this has returned, or its promise has resolved; when it throws, the message comes again. */
export type MessageHandler = (message: unknown, info: MessageInfo) => void | Promise<void>

/** Says that a message was not handed over after all: the peer may not send it any more. */
export const refused = Symbol('refused')

/** Who asks `inbox` again before it hands over later: `refused` says that it may not any more. */
export type Recipient = (
  message: unknown,
  info: MessageInfo,
  inbox: Pick<Inbox, 'mayHandOver'>,
) => void | Promise<void> | Promise<void | typeof refused>

/** Who of several hands over. */
export interface Turns {
  /** Returns whether it is this one's turn; else `deliver` is called when it is. */
  take(inbox: Inbox): boolean
  pass(): void
}

export interface InboxOptions extends ProgressOptions {
  /** As on disk, the latest last. */
  readonly positions: Promise<readonly Position[]>
  /** None now: messages wait. */
  readonly recipient: () => Recipient | undefined
  readonly turns: Turns
  /** Which messages are handed over, asked when their turn comes. */
  readonly rights: Rights
  /** A message was stepped over, for want of that scope. */
  readonly onRefused: (scope: string) => void
  /** Told of gaps and of stuck messages. */
  readonly events: Emitter<SessionsEvents>
}

interface Waiting {
  sequence: number
  /** None: nothing to hand over. */
  readonly value: Uint8Array | null
  readonly run: Uint8Array
  gap?: Gap
  /** What it takes, once that was asked. */
  scope?: string
}

const maxWaitingBytes =
  limits.maxUnackedBytes + limits.maxMessageBytes + limits.messageOverheadBytes

export class Inbox {
  readonly ready: Promise<void>
  readonly progress: Progress
  readonly #options: InboxOptions
  readonly #waiting = new Queue<Waiting>()
  #waitingBytes = 0
  #received = 0
  /** Of the peer, that sent it. */
  #receivedRun: Uint8Array | null = null
  /** What an earlier page may have had, or this one before another log came or under another id: up to there. */
  #before: { readonly logId: Uint8Array; readonly upTo: number }[] = []
  /** Whether this page has received nothing yet. */
  #isFresh = true
  /** The run whose messages were dropped until it begins again. */
  #skipping: Uint8Array | undefined
  #isDelivering = false
  #failures = 0
  #isClosed = false
  /** Ends the wait after a failure. */
  #retry: (() => void) | undefined

  constructor(options: InboxOptions) {
    this.#options = options
    this.progress = new Progress({
      ...options,
      onCommitted: () => {
        options.onCommitted()
        this.deliver()
      },
    })
    this.ready = options.positions.then((positions) => {
      this.progress.restore(positions)
      this.#follow()
    })
  }

  /** What comes next is what comes after that which was handled. */
  #follow(): void {
    const { handled = 0, run = null } = this.progress.handled ?? {}
    this.#received = handled
    this.#receivedRun = run
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.progress.isCommitted
  }

  /**
   * The peer names its log, the oldest message it holds and the highest it may have sent. An unknown log begins with the oldest. `isFirst`:
   * on a session.
   */
  begin(
    logId: Uint8Array,
    run: Uint8Array,
    firstHeld: number,
    highestSent: number,
    isFirst: boolean,
  ): void {
    if (this.#isFresh) this.#before = [{ logId, upTo: highestSent }]
    const { progress } = this
    if (!progress.isOf(logId)) {
      const first = this.#waiting.at(0)
      if (first && (this.#isDelivering || this.#failures > 0)) {
        this.#before.push({ logId: progress.handled!.logId, upTo: first.sequence })
      }
      // It holds what the one before may have brought.
      this.#before.push({ logId, upTo: highestSent })
      this.#before = this.#before.slice(-2 * limits.maxPeerLogs)
      this.#waiting.clear()
      this.#waitingBytes = 0
      this.#failures = 0
      progress.begin(logId, firstHeld)
      this.#follow()
      this.#retry?.()
    }
    // What it holds no more it has been told of; it has that on disk before it begins a session.
    if (isFirst) progress.forgetRefused(firstHeld - 1)
    if (firstHeld <= this.#received + 1) return
    const gap = { from: this.#received + 1, to: firstHeld - 1 }
    this.#received = gap.to
    this.#receivedRun = run
    const last = this.#waiting.at(this.#waiting.length - 1)
    if (last?.gap) {
      last.gap = { from: last.gap.from, to: gap.to }
      last.sequence = gap.to
    } else this.#push({ sequence: gap.to, value: null, run, gap })
  }

  #push(waiting: Waiting): void {
    this.#waitingBytes += bytesOf(waiting.value)
    this.#waiting.push(waiting)
  }

  /**
   * Another run than the one that sent the last message may mean others by the same numbers, as where a profile was copied: it goes on
   * only when it has been `told` how far this inbox is, and begun again from there. What comes before that is dropped.
   * @throws HandfastError `protocol` for a hole, or more than may be on its way
   */
  receive(
    sequence: number,
    value: Uint8Array | null,
    run: Uint8Array,
    told: Position | undefined,
  ): void {
    const isNext = sequence === this.#received + 1
    if (sequence <= this.#received || !this.#mayGoOn(run, told)) return
    if (!isNext && this.#skipping && equalBytes(this.#skipping, run)) return
    if (!isNext || this.#waitingBytes + bytesOf(value) > maxWaitingBytes) {
      throw malformed()
    }
    this.#skipping = undefined
    this.#isFresh = false
    this.#received = sequence
    this.#receivedRun = run
    // What is handed over at once may be a view of its frame; what has to wait would keep the whole frame.
    const waits = this.#isDelivering || this.#isHeld || !this.#options.recipient()
    this.#push({ sequence, value: waits && value ? value.slice() : value, run })
  }

  #mayGoOn(run: Uint8Array, told: Position | undefined): boolean {
    const isSameRun = !this.#receivedRun || equalBytes(this.#receivedRun, run)
    const isTold = told && this.progress.isOf(told.logId) && told.handled >= this.#received
    if (isSameRun || isTold) return true
    this.#skipping = run
    return false
  }

  /** The position is stored before the next message. */
  get #isHeld(): boolean {
    return this.#options.log.commit === 'each' && !this.progress.isCommitted
  }

  /** Hands over what waits, as far as it can. */
  deliver(): void {
    if (this.#isDelivering || this.#isClosed || this.#waiting.length === 0) return
    if (!this.#options.turns.take(this)) return
    this.#isDelivering = true
    while (!this.#isHeld) {
      const next = this.#waiting.at(0)
      if (!next || (!this.#options.recipient() && !this.#isForbidden(next))) break
      const isRefused = this.#handOver(next)
      if (typeof isRefused !== 'boolean') {
        void isRefused.then(
          (outcome) => this.#continue(next, outcome),
          (error: unknown) => this.#retryLater(next, error),
        )
        return
      }
      this.#settle(next, isRefused)
    }
    this.#isDelivering = false
    this.#options.turns.pass()
  }

  /** Whether it waits for no handler: what may not be handed over goes at once. */
  #isForbidden(waiting: Waiting): boolean {
    const { rights } = this.#options
    if (!waiting.value || rights.allows('message')) return false
    waiting.scope ??= messageScope(read(waiting.value)?.topic)
    return !rights.allows(waiting.scope)
  }

  /** Returns whether it was refused after all, at once if there is nothing to wait for. What nobody can ever read is not handed over. */
  #handOver({ sequence, value, gap }: Waiting): boolean | Promise<boolean> {
    if (gap) this.#options.events.emit('gap', gap)
    if (!value) return false
    const { progress } = this
    const wasThere = this.#before.some(
      ({ logId, upTo }) => sequence <= upTo && progress.isOf(logId),
    )
    const message = read(value)
    if (!message) return false
    const { topic } = message
    if (!this.mayHandOver(topic)) return true
    const redelivered = wasThere || this.#failures > 0
    const info = { id: progress.idOf(sequence), redelivered, topic }
    try {
      const handled = this.#options.recipient()?.(message.value, info, this)
      return handled ? handled.then((outcome) => outcome === refused) : false
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Whether a message of that topic may be handed over now. */
  mayHandOver(topic: string | undefined): boolean {
    const { rights, onRefused } = this.#options
    const scope = messageScope(topic)
    if (rights.allows(scope)) return true
    onRefused(scope)
    return false
  }

  #continue(waiting: Waiting, isRefused: boolean): void {
    this.#isDelivering = false
    this.#settle(waiting, isRefused)
    this.#options.turns.pass()
    this.deliver()
  }

  /** The first in the queue was handled. Another log may have begun meanwhile, and the queue be another. */
  #settle(waiting: Waiting, isRefused: boolean): void {
    this.#failures = 0
    if (this.#waiting.at(0) !== waiting) return
    this.#waiting.shift()
    this.#waitingBytes -= bytesOf(waiting.value)
    this.progress.note(waiting.sequence, waiting.run, isRefused)
  }

  /** A handler that throws is shown the way uncaught errors are, and gets the message again. */
  #retryLater(waiting: Waiting, error: unknown): void {
    reportError(error)
    if (this.#isClosed) return this.#options.turns.pass()
    const delayMs = Math.min(
      limits.handlerRetryMinMs * 2 ** this.#failures++,
      limits.handlerRetryMaxMs,
    )
    const attempts = this.#failures
    if (attempts >= limits.stuckAfterFailures && this.#waiting.at(0) === waiting) {
      const message = read(waiting.value!)?.value
      const id = this.progress.idOf(waiting.sequence)
      this.#options.events.emit('stuck', { id, message, error, attempts })
    }
    const cancel = this.#options.runtime.setTimer(delayMs, () => this.#retry?.())
    this.#retry = () => {
      cancel()
      this.#retry = undefined
      this.#isDelivering = false
      this.deliver()
    }
    // What other devices have sent is not behind it.
    this.#options.turns.pass()
  }

  close(): void {
    this.#isClosed = true
    this.progress.close()
    this.#retry?.()
    this.#waiting.clear()
  }
}

interface Message {
  readonly value: unknown
  readonly topic: string | undefined
}

/** Nothing for what nobody can read. */
function read(encoded: Uint8Array): Message | undefined {
  try {
    const items = decodeSequence(encoded, { copy: true })
    const [value, topic] = items
    if (items.length === 1) return { value, topic: undefined }
    return items.length === 2 && isName(topic) ? { value, topic } : undefined
  } catch {
    return undefined
  }
}
