/**
 * The inbox: messages of one device of the peer in order, each handed to the application once, the next when the handlers of the one before have
 * returned; then it counts as handled. How far that went is stored in batches, and acknowledged once it is on disk. Without a handler
 * messages wait. What the sender may have on its way bounds what waits here.
 */

import { equalBytes } from '../base/bytes.ts'
import { reportError } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import { Queue } from '../base/queue.ts'
import type { Runtime } from '../base/runtime.ts'
import { decodeSequence } from '../codec/cbor.ts'
import { bytesOf } from './held.ts'
import { messageId, seriesName, type LogOptions } from './log.ts'
import { Refusals } from './refusals.ts'
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

/** Numbers of messages that can't be had any more, ends included. */
export interface Gap {
  /** The first that is missing. */
  readonly from: number
  /** The last that is missing. */
  readonly to: number
}

/** A message whose handler keeps throwing. It stays first in line. */
export interface Stuck {
  /** As in `MessageInfo`. */
  readonly id: string
  /** The message. */
  readonly message: unknown
  /** What the handler threw last. */
  readonly error: unknown
  /** How often it was tried; told from the fifth time on. */
  readonly attempts: number
}

/** How far a log of the peer was handled, and the run of the peer that had sent the last. */
export interface Position {
  readonly logId: Uint8Array
  readonly run: Uint8Array | null
  readonly handled: number
  /** As it is stored: ends of the stretches that were refused. */
  readonly refused?: readonly number[]
}

/** Who of several hands over. */
export interface Turns {
  /** Returns whether it is this one's turn; else `deliver` is called when it is. */
  take(inbox: Inbox): boolean
  pass(): void
}

export interface InboxOptions {
  /** Of its record. */
  readonly key: string
  /** As on disk, the latest last. */
  readonly positions: Promise<readonly Position[]>
  readonly handlers: ReadonlySet<Recipient>
  readonly turns: Turns
  readonly runtime: Runtime
  readonly log: LogOptions
  /** Which messages are handed over, asked when their turn comes. */
  readonly rights: Rights
  /** A message was stepped over, for want of that scope. */
  readonly onRefused: (scope: string) => void
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
  /** What it takes, once that was asked. */
  scope?: string
}

const maxWaitingBytes =
  limits.maxUnackedBytes + limits.maxMessageBytes + limits.messageOverheadBytes

export class Inbox {
  readonly ready: Promise<void>
  readonly #options: InboxOptions
  readonly #handlers: ReadonlySet<Recipient>
  readonly #waiting = new Queue<Waiting>()
  #waitingBytes = 0
  /** Of other logs than the one that is current, the latest last. */
  #others: Position[] = []
  #handled: Position | undefined
  #committed: Position | undefined
  /** As its messages are named by. */
  #series = ''
  /** Numbers that were refused, which the peer may not have been told. */
  #refusals = new Refusals()
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
  /** Ends the wait after a failure. */
  #retry: (() => void) | undefined

  constructor(options: InboxOptions) {
    this.#options = options
    this.#handlers = options.handlers
    this.ready = options.positions.then((positions) => {
      this.#others = positions.slice(0, -1)
      const latest = positions.at(-1)
      if (latest) this.#become(latest)
    })
  }

  #become({ refused, ...position }: Position): void {
    this.#refusals = new Refusals(refused)
    this.#series = seriesName(position.logId)
    this.#handled = position
    this.#committed = position
    this.#received = position.handled
    this.#receivedRun = position.run
  }

  /** What the peer may be told: it is on disk. */
  get committed(): Position | undefined {
    return this.#committed
  }

  /** Ends of the stretches that were refused, in what the peer may be told of behind `sequence`. */
  refusedAfter(sequence: number): number[] {
    return this.#refusals.within(sequence + 1, this.#committed?.handled ?? 0)
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#handled === this.#committed
  }

  /** Whether messages of this log are taken. */
  isOf(logId: Uint8Array): boolean {
    return this.#handled !== undefined && equalBytes(this.#handled.logId, logId)
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
    if (!this.isOf(logId)) {
      const known = this.#others.find((other) => equalBytes(other.logId, logId))
      this.#others = this.#others.filter((other) => other !== known)
      // With nothing handled there is nothing to remember.
      if (this.#handled?.run) this.#others.push(this.#stored(this.#handled))
      this.#others = this.#others.slice(1 - limits.maxPeerLogs)
      const first = this.#waiting.at(0)
      if (first && (this.#isDelivering || this.#failures > 0)) {
        this.#before.push({ logId: this.#handled!.logId, upTo: first.sequence })
      }
      // It holds what the one before may have brought.
      this.#before.push({ logId, upTo: highestSent })
      this.#before = this.#before.slice(-2 * limits.maxPeerLogs)
      this.#waiting.clear()
      this.#waitingBytes = 0
      this.#failures = 0
      this.#become(known ?? { logId, run: null, handled: firstHeld - 1 })
      this.#retry?.()
    }
    // What it holds no more it has been told of; it has that on disk before it begins a session.
    if (isFirst) this.#refusals.forgetUpTo(firstHeld - 1)
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

  /** The position is stored before the next message. */
  get #isHeld(): boolean {
    return this.#options.log.commit === 'each' && this.#handled !== this.#committed
  }

  /** Hands over what waits, as far as it can. */
  deliver(): void {
    if (this.#isDelivering || this.#isClosed || this.#waiting.length === 0) return
    if (!this.#options.turns.take(this)) return
    this.#isDelivering = true
    while (!this.#isHeld) {
      const next = this.#waiting.at(0)
      if (!next || (this.#handlers.size === 0 && !this.#isForbidden(next))) break
      const outcome = this.#handOver(next)
      if (outcome instanceof Promise) {
        void outcome.then(
          (outcomes) => this.#continue(next, outcomes.includes(refused)),
          (error: unknown) => this.#retryLater(next, error),
        )
        return
      }
      this.#settle(next, outcome === refused)
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

  /** Nothing when every handler has returned already, or when there is nothing to hand over: a value that nobody can ever read, or may. */
  #handOver({
    sequence,
    value,
    gap,
  }: Waiting): Promise<(void | typeof refused)[]> | typeof refused | undefined {
    if (gap) this.#options.onGap(gap)
    if (!value) return undefined
    const wasThere = this.#before.some(({ logId, upTo }) => sequence <= upTo && this.isOf(logId))
    let message = read(value)
    if (!message) return undefined
    const { topic } = message
    if (!this.mayHandOver(topic)) return refused
    const redelivered = wasThere || this.#failures > 0
    const info = { id: this.#id(sequence), redelivered, topic }
    const pending: Promise<void | typeof refused>[] = []
    try {
      for (const handler of [...this.#handlers]) {
        // Each its own.
        message ??= read(value)!
        const result = handler(message.value, info, this)
        message = undefined
        if (result) pending.push(result)
      }
    } catch (error) {
      pending.push(Promise.reject(error))
    }
    return pending.length > 0 ? Promise.all(pending) : undefined
  }

  /** Whether a message of that topic may be handed over now. */
  mayHandOver(topic: string | undefined): boolean {
    const { rights, onRefused } = this.#options
    const scope = messageScope(topic)
    if (rights.allows(scope)) return true
    onRefused(scope)
    return false
  }

  #stored(position: Position): Position {
    return { ...position, refused: this.#refusals.within(1, position.handled) }
  }

  #id(sequence: number): string {
    return messageId(this.#series, sequence)
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
    if (isRefused) this.#refusals.add(waiting.sequence)
    this.#waiting.shift()
    this.#waitingBytes -= bytesOf(waiting.value)
    const { logId } = this.#handled!
    this.#handled = { logId, run: waiting.run, handled: waiting.sequence }
    this.#scheduleCommit()
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
      this.#options.onStuck({ id: this.#id(waiting.sequence), message, error, attempts })
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

  // ── Storing ──────────────────────────────────────────────────────────────────────────────────────

  #scheduleCommit(): void {
    if (this.#isCommitting || this.#isClosed || this.#handled === this.#committed) return
    const { runtime, log } = this.#options
    const count = this.#handled!.handled - this.#committed!.handled
    if (log.commit === 'each' || count >= limits.commitMessages) return void this.#commit()
    this.#cancelCommit ??= runtime.setTimer(limits.commitDelayMs, () => void this.#commit())
  }

  async #commit(): Promise<void> {
    const { key, log, runtime, onError, onCommitted } = this.#options
    this.#cancelCommit?.()
    this.#cancelCommit = undefined
    this.#isCommitting = true
    let position: Position | undefined
    try {
      await log.commits.run(
        async (transaction) => {
          if (this.#isClosed || !this.#handled?.run) return
          position = this.#handled
          await transaction.put('inbox', key, { logs: [...this.#others, this.#stored(position)] })
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
    this.#cancelCommit?.()
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
