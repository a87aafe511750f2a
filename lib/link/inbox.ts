/**
 * The inbox: messages of the peer in order, each handed to the application once, the next when the handlers of the one before have
 * returned; then it counts as handled. How far that went is stored in batches, and acknowledged once it is on disk. Without a handler
 * messages wait. What the sender may have on its way bounds what waits here.
 */

import { equalBytes, toBase64url } from '../base/bytes.ts'
import { deferred } from '../base/deferred.ts'
import { reportError, type Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import { Queue } from '../base/queue.ts'
import type { Runtime } from '../base/runtime.ts'
import { decode } from '../codec/cbor.ts'
import { bytesOf } from './held.ts'
import { readPositions, type LogOptions } from './log.ts'

export interface MessageInfo {
  /** The same whenever the same message comes again. */
  readonly id: string
  /** Whether a handler may have been given it before: one that threw, or one of a page that is gone. */
  readonly redelivered: boolean
}

export type MessageHandler = (message: unknown, info: MessageInfo) => void | Promise<void>

/** Numbers of messages that can't be had any more, ends included. */
export interface Gap {
  readonly from: number
  readonly to: number
}

/** A message whose handler keeps throwing. It stays first in line. */
export interface Stuck {
  readonly id: string
  readonly message: unknown
  readonly error: unknown
  readonly attempts: number
}

/** How far a log of the peer was handled, and the run of the peer that had sent the last. */
export interface Position {
  readonly logId: Uint8Array
  readonly run: Uint8Array | null
  readonly handled: number
}

export interface InboxOptions {
  readonly peer: string
  readonly runtime: Runtime
  readonly log: LogOptions
  /** There is more to acknowledge. */
  readonly onCommitted: () => void
  readonly onGap: (gap: Gap) => void
  readonly onStuck: (stuck: Stuck) => void
  readonly onError: (error: unknown) => void
}

interface Waiting {
  sequence: number
  /** None: nothing to hand over. */
  readonly value: Uint8Array | null
  readonly run: Uint8Array
  gap?: Gap
}

const maxWaitingBytes =
  limits.maxUnackedBytes + limits.maxMessageBytes + limits.messageOverheadBytes

export class Inbox {
  readonly ready: Promise<void>
  readonly #options: InboxOptions
  readonly #handlers = new Set<MessageHandler>()
  readonly #waiting = new Queue<Waiting>()
  #waitingBytes = 0
  /** Of other logs than the one that is current, the latest last. */
  #others: Position[] = []
  #handled: Position | undefined
  #committed: Position | undefined
  #logName = ''
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
  #isCommitting = false
  #cancelCommit: (() => void) | undefined
  #failures = 0
  #isClosed = false
  #cancelLoad: () => void = () => {}
  /** Ends the wait after a failure. */
  #retry: (() => void) | undefined

  constructor(options: InboxOptions) {
    this.#options = options
    const ready = deferred<void>()
    this.ready = ready.promise
    void this.#load(ready.resolve)
  }

  async #load(onReady: () => void): Promise<void> {
    const { peer, log, runtime, onError } = this.#options
    try {
      const record = await log.store.transaction(['inbox'], { mode: 'read' }, (transaction) =>
        transaction.get('inbox', peer),
      )
      this.#others = readPositions(record)
      const latest = this.#others.pop()
      if (latest) this.#become(latest)
      onReady()
    } catch (error) {
      if (this.#isClosed) return
      this.#cancelLoad = runtime.setTimer(limits.storeRetryMs, () => void this.#load(onReady))
      onError(error)
    }
  }

  #become(position: Position): void {
    this.#handled = position
    this.#committed = position
    this.#logName = toBase64url(position.logId)
    this.#received = position.handled
    this.#receivedRun = position.run
  }

  /** What the peer may be told: it is on disk. */
  get committed(): Position | undefined {
    return this.#committed
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#handled === this.#committed
  }

  /** Whether messages of this log are taken. */
  isOf(logId: Uint8Array): boolean {
    return this.#handled !== undefined && equalBytes(this.#handled.logId, logId)
  }

  /** The peer names its log, the oldest message it holds and the highest it may have sent. An unknown log begins with the oldest. */
  begin(logId: Uint8Array, run: Uint8Array, firstHeld: number, highestSent: number): void {
    if (this.#isFresh) this.#before = [{ logId, upTo: highestSent }]
    if (!this.isOf(logId)) {
      const known = this.#others.find((other) => equalBytes(other.logId, logId))
      this.#others = this.#others.filter((other) => other !== known)
      // With nothing handled there is nothing to remember.
      if (this.#handled?.run) this.#others.push(this.#handled)
      this.#others = this.#others.slice(1 - limits.maxPeerLogs)
      const first = this.#waiting.at(0)
      if (first && (this.#isDelivering || this.#failures > 0)) {
        this.#before.push({ logId: this.#handled!.logId, upTo: first.sequence })
      }
      // A log that begins after a rollback holds what the one before may have brought.
      if (!known) this.#before.push({ logId, upTo: highestSent })
      this.#before = this.#before.slice(-2 * limits.maxPeerLogs)
      this.#waiting.clear()
      this.#waitingBytes = 0
      this.#failures = 0
      this.#become(known ?? { logId, run: null, handled: firstHeld - 1 })
      this.#retry?.()
    }
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
      throw new HandfastError('protocol')
    }
    this.#skipping = undefined
    this.#isFresh = false
    this.#received = sequence
    this.#receivedRun = run
    // What is handed over at once may be a view of its frame; what has to wait would keep the whole frame.
    const waits = this.#isDelivering || this.#handlers.size === 0 || this.#isHeld
    this.#push({ sequence, value: waits && value ? value.slice() : value, run })
  }

  #mayGoOn(run: Uint8Array, told: Position | undefined): boolean {
    const isSameRun = !this.#receivedRun || equalBytes(this.#receivedRun, run)
    const isTold = told && this.isOf(told.logId) && told.handled >= this.#received
    if (isSameRun || isTold) return true
    this.#skipping = run
    return false
  }

  /** Several handlers: a message is handled when all have returned. */
  addHandler(handler: MessageHandler): Unsubscribe {
    this.#handlers.add(handler)
    this.deliver()
    return () => {
      this.#handlers.delete(handler)
    }
  }

  /** The position is stored before the next message. */
  get #isHeld(): boolean {
    return this.#options.log.commit === 'each' && this.#handled !== this.#committed
  }

  /** Hands over what waits, as far as it can. */
  deliver(): void {
    if (this.#isDelivering || this.#isClosed) return
    this.#isDelivering = true
    while (this.#handlers.size > 0 && !this.#isHeld) {
      const next = this.#waiting.at(0)
      if (!next) break
      const pending = this.#handOver(next)
      if (pending) {
        void pending.then(
          () => this.#continue(next),
          (error: unknown) => this.#retryLater(next, error),
        )
        return
      }
      this.#settle(next)
    }
    this.#isDelivering = false
  }

  /** Nothing when every handler has returned already, or when there is nothing to hand over: a value that nobody can ever read. */
  #handOver({ sequence, value, gap }: Waiting): Promise<unknown> | undefined {
    if (gap) this.#options.onGap(gap)
    if (!value) return undefined
    const wasThere = this.#before.some(({ logId, upTo }) => sequence <= upTo && this.isOf(logId))
    const info = { id: this.#id(sequence), redelivered: wasThere || this.#failures > 0 }
    const pending: Promise<void>[] = []
    try {
      for (const handler of [...this.#handlers]) {
        const message = read(value)
        if (!message) return undefined
        const result = handler(message.value, info)
        if (result) pending.push(result)
      }
    } catch (error) {
      pending.push(Promise.reject(error))
    }
    return pending.length > 0 ? Promise.all(pending) : undefined
  }

  #id(sequence: number): string {
    return `${this.#logName}.${sequence}`
  }

  #continue(waiting: Waiting): void {
    this.#isDelivering = false
    this.#settle(waiting)
    this.deliver()
  }

  /** The first in the queue was handled. Another log may have begun meanwhile, and the queue be another. */
  #settle(waiting: Waiting): void {
    this.#failures = 0
    if (this.#waiting.at(0) !== waiting) return
    this.#waiting.shift()
    this.#waitingBytes -= bytesOf(waiting.value)
    const { logId } = this.#handled!
    this.#handled = { logId, run: waiting.run, handled: waiting.sequence }
    this.#scheduleCommit()
  }

  /** A handler that throws is shown the way uncaught errors are, and gets the message again. */
  #retryLater(waiting: Waiting, error: unknown): void {
    reportError(error)
    const delayMs = Math.min(
      limits.handlerRetryMinMs * 2 ** this.#failures++,
      limits.handlerRetryMaxMs,
    )
    const attempts = this.#failures
    if (attempts >= limits.stuckAfterFailures && this.#waiting.at(0) === waiting) {
      const message = read(waiting.value!)?.value
      this.#options.onStuck({ id: this.#id(waiting.sequence), message, error, attempts })
    }
    const cancel = this.#options.runtime.setTimer(delayMs, () => this.#retry?.())
    this.#retry = () => {
      cancel()
      this.#retry = undefined
      this.#isDelivering = false
      this.deliver()
    }
  }

  // ── Storing ──────────────────────────────────────────────────────────────────────────────────────

  #scheduleCommit(): void {
    if (this.#isCommitting || this.#isClosed || this.#handled === this.#committed) return
    const { runtime, log } = this.#options
    const count = this.#handled!.handled - this.#committed!.handled
    if (log.commit === 'each' || count >= limits.commitMessages) return void this.#commit()
    this.#cancelCommit ??= runtime.setTimer(limits.commitDelayMs, () => void this.#commit())
  }

  async #commit(): Promise<void> {
    const { peer, log, runtime, onError, onCommitted } = this.#options
    this.#cancelCommit?.()
    this.#cancelCommit = undefined
    this.#isCommitting = true
    let position: Position | undefined
    try {
      await log.commits.run(
        async (transaction) => {
          if (this.#isClosed || !this.#handled?.run) return
          position = this.#handled
          await transaction.put('inbox', peer, { logs: [...this.#others, position] })
        },
        () => ['inbox'],
      )
    } catch (error) {
      if (this.#isClosed) return
      this.#cancelCommit = runtime.setTimer(limits.storeRetryMs, () => void this.#commit())
      onError(error)
      return
    } finally {
      this.#isCommitting = false
    }
    if (this.#isClosed) return
    if (position && this.isOf(position.logId)) this.#committed = position
    onCommitted()
    this.#scheduleCommit()
    this.deliver()
  }

  close(): void {
    this.#isClosed = true
    this.#cancelLoad()
    this.#cancelCommit?.()
    this.#retry?.()
    this.#waiting.clear()
  }
}

function read(encoded: Uint8Array): { value: unknown } | undefined {
  try {
    return { value: decode(encoded) }
  } catch {
    return undefined
  }
}
