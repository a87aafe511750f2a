/**
 * A session: one open channel under two keys. Every channel message is one frame, every frame one Noise transport message, its
 * plaintext a sequence of records. A frame that does not open, or says what it may not, ends the session; the link
 * above it stays.
 *
 *   unconfirmed ──first frame opens──▶ confirmed ──start()──▶ live ──bye, failure, channel closed──▶ ended
 *
 * Records about the session itself leave before those of sources. [protocol] `docs/protocol.md`, "Sessions".
 */

import { toBase64url } from '../base/bytes.ts'
import { deferred } from '../base/deferred.ts'
import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import { decode, decodeSequence, encode, type CborValue } from '../codec/cbor.ts'
import * as recordKinds from '../codec/record-kinds.ts'
import { malformed, type Record } from '../codec/records.ts'
import type { CipherState } from '../crypto/cipher-state.ts'
import type { Role } from '../crypto/noise.ts'
import type { Channel } from '../transport/transport.ts'
import { FrameWriter } from './frame-writer.ts'
import { Liveness } from './liveness.ts'
import { Pings } from './pings.ts'
import { Reassembly } from './reassembly.ts'
import { byeReasons, type SessionEnd } from './session-end.ts'
import type { SessionName, SessionStats } from './session-stats.ts'
import { Sources } from './sources.ts'

export interface SessionHandler {
  /** Takes the records of one frame. What it throws ends the session. */
  onRecords(records: readonly Record[]): void
  /** Whether the application could do without the session now. */
  isIdle(): boolean
}

export interface SessionOptions {
  readonly channel: Channel
  readonly role: Role
  /** Of Noise's Split: initiator → responder first. */
  readonly ciphers: readonly [CipherState, CipherState]
  readonly runtime: Runtime
  /** ed25519 key of the device that dialled; decides between two sessions. */
  readonly diallerKey: Uint8Array
  /** ed25519 key of the device at the other end. */
  readonly peerDeviceKey: Uint8Array
  readonly idleTimeoutMs: number
  /** None between tabs. */
  readonly name?: SessionName
}

export class Session {
  readonly role: Role
  readonly name: SessionName
  readonly diallerKey: Uint8Array
  readonly peerDeviceKey: Uint8Array
  readonly sources = new Sources()
  readonly #confirm = deferred<void>()
  /** Resolves when the first frame of the other side has opened; rejects when the session ends before. */
  readonly confirmed = this.#confirm.promise
  readonly #end = deferred<SessionEnd>()
  /** Resolves with the reason, once. */
  readonly ended = this.#end.promise

  readonly #channel: Channel
  readonly #outgoing: CipherState
  readonly #incoming: CipherState
  readonly #runtime: Runtime
  readonly #idleTimeoutMs: number
  readonly #writer: FrameWriter
  readonly #reassembly = new Reassembly()
  readonly #control: Uint8Array[] = []
  readonly #pings: Pings

  #handler: SessionHandler | undefined
  /** Frames that came before anybody listens; none afterwards. */
  #waiting: Record[][] | undefined = []
  #isConfirmed = false
  #hasEnded = false
  #byeSent: SessionEnd | undefined
  #byeReceived = false
  /** Calls of `wake` since the last flush. */
  #wakes = 0
  #wakesSeen = 0
  /** Microtasks without a new one. */
  #quietFor = 0
  #lastActivityMs: number
  readonly #bornMs: number
  readonly #openedAtMs: number
  #sentBytes = 0
  #receivedBytes = 0
  readonly #liveness: Liveness
  #onSilent: () => void = () => {}
  #cancelTimer: () => void = () => {}
  readonly #cancelConfirmTimer: () => void

  constructor(options: SessionOptions) {
    const { channel, role, ciphers, runtime } = options
    this.role = role
    this.name = options.name ?? { id: '', handshake: 'NN' }
    this.diallerKey = options.diallerKey
    this.peerDeviceKey = options.peerDeviceKey
    this.#channel = channel
    ;[this.#outgoing, this.#incoming] = role === 'initiator' ? ciphers : [ciphers[1], ciphers[0]]
    this.#runtime = runtime
    this.#idleTimeoutMs = options.idleTimeoutMs
    this.#bornMs = this.#lastActivityMs = runtime.monotonicNow()
    this.#openedAtMs = runtime.now()
    this.#pings = new Pings(runtime, (nonce) => this.control([recordKinds.ping, nonce]))
    this.#liveness = new Liveness({
      runtime,
      ping: () => void this.#pings.ask(),
      drainedBytes: () => this.#sentBytes - channel.bufferedBytes,
      onSilent: () => this.#onSilent(),
      onDead: () => this.#finish('lost'),
    })
    const frameBytes = Math.min(limits.maxFrameBytes, channel.maxMessageBytes)
    this.#writer = new FrameWriter(frameBytes - limits.aeadTagBytes)
    this.confirmed.catch(() => {})
    this.#cancelConfirmTimer = runtime.setTimer(limits.confirmTimeoutMs, () => this.#finish('lost'))
    void channel.closed.then(() => this.#finish('lost'))
    channel.onDrain(() => this.#flush())
    channel.onMessage((frame) => this.#receive(frame))
  }

  get isOpen(): boolean {
    return !this.#hasEnded && this.#byeSent === undefined
  }

  get ageMs(): number {
    return this.#runtime.monotonicNow() - this.#bornMs
  }

  /** Whether the other side leaves a ping unanswered: it is about to count as dead. */
  get isSilent(): boolean {
    return this.#liveness.isSilent
  }

  /** Calls `listener` whenever the other side has become silent. */
  onSilent(listener: () => void): void {
    this.#onSilent = listener
  }

  /** The page or the network is back: asks the other side at once whether it is there. */
  probe(): void {
    if (!this.isOpen || !this.#handler) return
    this.#checkTime()
    if (this.isOpen) this.#liveness.probe(limits.silentAfterWakeMs)
  }

  /** Begins to send, and when `until` has resolved to hand over records, those that waited first. */
  start(handler: SessionHandler, until?: Promise<void>): void {
    if (this.#handler) throw new HandfastError('wrong-phase')
    this.#handler = handler
    if (until) void until.then(() => this.#listen())
    else this.#listen()
    if (this.isOpen) this.#checkTime()
    this.confirmed.then(
      () => this.isOpen && this.#liveness.start(),
      () => {},
    )
    this.wake()
  }

  #listen(): void {
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const records of waiting) this.#dispatch(records)
  }

  /** Queues a record about the session itself; it goes out before all others. */
  control(record: CborValue[]): void {
    if (!this.isOpen) return
    if (this.#control.length >= limits.maxControlRecords) return this.#fail()
    this.#control.push(encode(record))
    this.wake()
  }

  /** A source has something: it is sent once the current task is quiet, together with whatever else there is by then. */
  wake(): void {
    if (this.#hasEnded || this.#wakes++ > 0) return
    this.#quietFor = 0
    this.#flushWhenQuiet()
  }

  /**
   * Promise chains that send one message after another take a few microtasks each: wait until they have been quiet for some, and they
   * share a frame.
   */
  readonly #flushWhenQuiet = (): void => {
    this.#quietFor = this.#wakes === this.#wakesSeen ? this.#quietFor + 1 : 0
    this.#wakesSeen = this.#wakes
    if (this.#quietFor < limits.quietMicrotasks && this.#wakes < limits.maxWakesPerFlush) {
      void settled.then(this.#flushWhenQuiet)
      return
    }
    this.#wakes = 0
    this.#flush()
  }

  /** Resolves with the round trip in milliseconds; rejects with `timeout` or `closed`. */
  ping(timeoutMs = limits.pingTimeoutMs): Promise<number> {
    return this.#pings.measure(timeoutMs, this.ended)
  }

  /** As things are; where the other side was last asked some time ago it is asked anew. Takes a second at most. Never rejects. */
  async stats(): Promise<Omit<SessionStats, 'answers'>> {
    const late = deferred<null>()
    const cancel = this.#runtime.setTimer(limits.statsTimeoutMs, () => late.resolve(null))
    const isOld = this.#runtime.monotonicNow() - this.#pings.askedAtMs >= limits.roundTripFreshMs
    const asks = isOld && this.isOpen && this.#handler
    const asked = asks && this.ping(limits.statsTimeoutMs).catch(() => {})
    const told = (async () => (await this.#channel.route?.()) ?? null)()
    const route = await Promise.race([told.catch(() => null), late.promise])
    await asked
    cancel()
    return {
      ...this.name,
      deviceKey: toBase64url(this.peerDeviceKey),
      role: this.role,
      openedAtMs: this.#openedAtMs,
      roundTripMs: this.#pings.roundTripMs,
      sent: { bytes: this.#sentBytes, frames: this.#outgoing.nonce },
      received: { bytes: this.#receivedBytes, frames: this.#incoming.nonce },
      bufferedBytes: this.#channel.bufferedBytes,
      route,
    }
  }

  /** Says `bye`, waits for the peer's, and closes; without an answer, after a time-out. Idempotent. */
  async close(reason: SessionEnd = 'closed'): Promise<void> {
    this.#sayBye(reason)
    await this.ended
  }

  /** Says `bye` and closes at once, for a page that is being left. */
  abandon(reason: SessionEnd): void {
    if (reason !== 'lost') this.#sayBye(reason)
    this.#finish(reason)
  }

  // ── Sending ──────────────────────────────────────────────────────────────────────────────────────

  #sayBye(reason: SessionEnd): void {
    if (!this.isOpen) return
    this.#control.push(encode([recordKinds.bye, byeReasons.indexOf(reason)]))
    this.#byeSent = reason
    this.#liveness.stop()
    this.#schedule(limits.byeTimeoutMs, () => this.#finish(reason))
    this.#flush()
  }

  #schedule(delayMs: number, callback: () => void): void {
    this.#cancelTimer()
    this.#cancelTimer = this.#runtime.setTimer(delayMs, callback)
  }

  #flush(): void {
    const channel = this.#channel
    while (!this.#hasEnded && channel.bufferedBytes < limits.channelHighWaterBytes) {
      this.#fillFrame()
      if (this.#writer.isEmpty) return
      try {
        const frame = this.#outgoing.encryptWithAd(null, this.#writer.plaintext)
        channel.send(frame)
        this.#sentBytes += frame.length
      } catch {
        return this.#finish('lost')
      }
      if (this.#outgoing.nonce % limits.framesPerRekey === 0) this.#outgoing.rekey()
    }
  }

  #fillFrame(): void {
    const writer = this.#writer
    writer.reset()
    let sent = 0
    while (sent < this.#control.length && writer.record(this.#control[sent]!)) sent++
    if (sent > 0) this.#control.splice(0, sent)
    if (!this.isOpen || !this.#handler || this.#control.length > 0) return

    if (this.sources.fill(writer)) this.#lastActivityMs = this.#runtime.monotonicNow()
  }

  // ── Receiving ────────────────────────────────────────────────────────────────────────────────────

  #receive(frame: Uint8Array): void {
    if (this.#hasEnded || this.#byeReceived) return
    try {
      if (frame.length > limits.maxFrameBytes) throw malformed()
      const plaintext = this.#incoming.decryptWithAd(null, frame)
      if (this.#incoming.nonce % limits.framesPerRekey === 0) this.#incoming.rekey()
      this.#receivedBytes += frame.length
      this.#liveness.heard()
      const records = this.#parse(plaintext)
      // A refusal is no proof.
      if (!this.#isConfirmed && records.some(([kind]) => kind !== recordKinds.bye)) {
        this.#isConfirmed = true
        this.#cancelConfirmTimer()
        this.#confirm.resolve()
      }
      if (!this.#waiting) return this.#dispatch(records)
      // Once we speak, a ping is answered, even though nothing is handed over yet.
      const rest = this.#handler ? records.filter((each) => !this.#takeOwn(each)) : records
      if (rest.length > 0 && this.#waiting.push(rest) > limits.maxWaitingFrames) this.#fail()
    } catch {
      this.#fail()
    }
  }

  /** The records of a frame, those that came in parts made whole. */
  #parse(plaintext: Uint8Array): Record[] {
    const records: Record[] = []
    for (const record of decodeSequence(plaintext) as unknown[]) {
      if (!isRecord(record)) throw malformed()
      if (record[0] !== recordKinds.part) {
        records.push(record)
        continue
      }
      const whole = this.#reassembly.take(record[1], record[2], record[3])
      if (!whole) continue
      const value: unknown = decode(whole)
      if (!isRecord(value) || value[0] === recordKinds.part) throw malformed()
      records.push(value)
    }
    return records
  }

  #dispatch(records: Record[]): void {
    if (this.#hasEnded) return
    try {
      const forHandler: Record[] = []
      let bye: Record | undefined
      for (const record of records) {
        if (record[0] === recordKinds.bye) bye = record
        if (bye) break
        if (!this.#takeOwn(record)) forHandler.push(record)
      }
      if (forHandler.length > 0 && !this.#hasEnded) {
        this.#lastActivityMs = this.#runtime.monotonicNow()
        this.#handler!.onRecords(forHandler)
      }
      if (bye) this.#takeBye(bye[1])
    } catch {
      this.#fail()
    }
  }

  /** Handles a record about the session itself. */
  #takeOwn([kind, nonce]: Record): boolean {
    if (kind !== recordKinds.ping && kind !== recordKinds.pong) return false
    if (typeof nonce !== 'number') throw malformed()
    if (kind === recordKinds.ping) this.control([recordKinds.pong, nonce])
    else this.#pings.answered(nonce)
    return true
  }

  /** Ours came first: both have said it. Theirs came first: answer, and let them close once they have it. */
  #takeBye(code: unknown): void {
    if (!Number.isInteger(code)) throw malformed()
    const reason = byeReasons[code as number] ?? 'closed'
    this.#byeReceived = true
    if (this.#byeSent !== undefined) return this.#finish(this.#byeSent)
    this.#sayBye(reason)
  }

  // ── Ending ───────────────────────────────────────────────────────────────────────────────────────

  /** The responder decides when an idle session ends; the dialler ends one that is too old, and dials again. */
  readonly #checkTime = (): void => {
    if (!this.isOpen) return
    if (this.role === 'initiator') {
      const leftMs = limits.maxSessionAgeMs - this.ageMs
      if (leftMs <= 0) void this.close('aged')
      else this.#schedule(leftMs, this.#checkTime)
      return
    }
    const idleMs = this.#handler!.isIdle() ? this.#runtime.monotonicNow() - this.#lastActivityMs : 0
    if (idleMs >= this.#idleTimeoutMs) void this.close('idle')
    else this.#schedule(this.#idleTimeoutMs - idleMs, this.#checkTime)
  }

  #fail(): void {
    this.abandon('protocol')
  }

  #finish(reason: SessionEnd): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#liveness.stop()
    this.#cancelTimer()
    this.#cancelConfirmTimer()
    this.#control.length = 0
    this.#waiting = undefined
    this.#confirm.reject(new HandfastError('transport-failed'))
    this.#end.resolve(this.#byeSent ?? reason)
    this.#channel.close()
  }
}

const isRecord = (value: unknown): value is Record =>
  Array.isArray(value) && typeof value[0] === 'number'

/** Its `then` is the quickest way to a microtask. */
const settled = Promise.resolve()
