/** Two sessions on a channel in memory, or one and a hand-made other side that may say anything. */

import type { Runtime } from '../../lib/base/runtime.ts'
import { defaultIdleTimeoutMs, framesPerRekey } from '../../lib/base/limits.ts'
import { concat } from '../../lib/base/bytes.ts'
import { decode, decodeSequence, encode, type CborValue } from '../../lib/codec/cbor.ts'
import * as recordKinds from '../../lib/codec/record-kinds.ts'
import type { Record } from '../../lib/codec/records.ts'
import { CipherState } from '../../lib/crypto/cipher-state.ts'
import { Session, type SessionHandler, type SessionOptions } from '../../lib/session/session.ts'
import { MemoryNetwork, type MemoryNetworkOptions } from '../../lib/transport/memory.ts'
import type { Channel } from '../../lib/transport/transport.ts'
import type { VirtualRuntime } from './virtual-runtime.ts'

/** A channel whose frames a test may watch and change. */
export class Tap implements Channel {
  /** All that were sent, before `rule`. */
  readonly sent: Uint8Array[] = []
  /** What becomes of a frame. Default: itself. */
  rule: (frame: Uint8Array, index: number) => Uint8Array[] = (frame) => [frame]
  readonly #channel: Channel

  constructor(channel: Channel) {
    this.#channel = channel
  }

  get maxMessageBytes(): number {
    return this.#channel.maxMessageBytes
  }
  get bufferedBytes(): number {
    return this.#channel.bufferedBytes
  }
  get closed(): Promise<void> {
    return this.#channel.closed
  }
  send(frame: Uint8Array): void {
    const index = this.sent.push(frame.slice()) - 1
    for (const each of this.rule(frame, index)) this.#channel.send(each)
  }
  onMessage(listener: (message: Uint8Array) => void): void {
    this.#channel.onMessage(listener)
  }
  onDrain(listener: () => void): void {
    this.#channel.onDrain(listener)
  }
  close(): void {
    this.#channel.close()
  }
}

/** On a network of its own, whose latency passes meanwhile; on a given one the caller lets time pass. */
export async function channelPair(
  options: MemoryNetworkOptions,
  network?: MemoryNetwork,
): Promise<[Tap, Tap]> {
  const { runtime, latencyMs = 0 } = options
  const carrier = network ?? new MemoryNetwork(options)
  const offer = carrier.transport().offer()
  const answer = carrier.transport().answer(await offer.description)
  offer.accept(await answer.description)
  const channels = Promise.all([offer.channel, answer.channel])
  if (!network) await (runtime as Partial<VirtualRuntime>).advance?.(latencyMs)
  const [near, far] = await channels
  return [new Tap(near), new Tap(far)]
}

export interface PairOptions extends Partial<MemoryNetworkOptions> {
  readonly runtime: Runtime
  /** Where the two sides have timers of their own. */
  readonly runtimes?: readonly [initiator: Runtime, responder: Runtime]
  readonly idleTimeoutMs?: number
  /** First nonce of both ciphers. */
  readonly nonce?: number
  readonly network?: MemoryNetwork
  readonly diallerKey?: Uint8Array
  readonly answererKey?: Uint8Array
}

const keys = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)] as const

const ciphers = (nonce = 0) =>
  [new CipherState(keys[0], nonce), new CipherState(keys[1], nonce)] as const

/** The records of each frame that one side has sent, parts made whole where they end. */
export function recordsOf(
  role: 'initiator' | 'responder',
  frames: readonly Uint8Array[],
  nonce = 0,
) {
  const cipher = ciphers(nonce)[role === 'initiator' ? 0 : 1]
  const transfers = new Map<unknown, Uint8Array[]>()
  return frames.map((frame) => {
    const plaintext = cipher.decryptWithAd(null, frame)
    if (cipher.nonce % framesPerRekey === 0) cipher.rekey()
    return (decodeSequence(plaintext) as unknown as Record[]).flatMap((record) => {
      if (record[0] !== recordKinds.part) return [record]
      const [, id, last, bytes] = record
      const parts = [...(transfers.get(id) ?? []), bytes as Uint8Array]
      transfers.set(id, parts)
      if (!last) return []
      transfers.delete(id)
      return [decode(concat(...parts)) as unknown as Record]
    })
  })
}

export interface SessionPair {
  readonly initiator: Session
  readonly responder: Session
  /** What each side sends through. */
  readonly taps: readonly [Tap, Tap]
}

export async function sessionPair(options: PairOptions): Promise<SessionPair> {
  const { runtime, idleTimeoutMs = defaultIdleTimeoutMs, nonce, network } = options
  const taps = await channelPair(options, network)
  const [near, far] = options.runtimes ?? [runtime, runtime]
  const { diallerKey = Uint8Array.of(1), answererKey = Uint8Array.of(2) } = options
  const side = (role: 'initiator' | 'responder', channel: Channel): Session =>
    new Session({
      idleTimeoutMs,
      diallerKey,
      peerDeviceKey: role === 'initiator' ? answererKey : diallerKey,
      runtime: role === 'initiator' ? near : far,
      role,
      channel,
      ciphers: ciphers(nonce),
    } satisfies SessionOptions)
  return {
    initiator: side('initiator', taps[0]),
    responder: side('responder', taps[1]),
    taps,
  }
}

/** A handler that keeps what it gets. */
export class Recorder implements SessionHandler {
  readonly records: Record[] = []
  idle = true
  onRecords(records: readonly Record[]): void {
    this.records.push(...records)
  }
  isIdle(): boolean {
    return this.idle
  }
}

/** The other side of a session, by hand. */
export class Puppet {
  readonly session: Session
  readonly channel: Tap
  /** What the session sends through. */
  readonly near: Tap
  /** Frames that the session sent, as records. */
  readonly frames: Record[][] = []
  readonly #out: CipherState
  readonly #in: CipherState

  constructor(
    session: Session,
    [near, channel]: readonly [Tap, Tap],
    out: CipherState,
    incoming: CipherState,
  ) {
    this.session = session
    this.near = near
    this.channel = channel
    this.#out = out
    this.#in = incoming
    channel.onMessage((frame) => {
      this.frames.push(decodeSequence(this.#in.decryptWithAd(null, frame)) as unknown as Record[])
    })
  }

  get records(): Record[] {
    return this.frames.flat()
  }

  /** Sends one frame with these records. */
  send(...records: CborValue[][]): void {
    this.sendPlaintext(concat(...records.map((record) => encode(record))))
  }

  sendPlaintext(plaintext: Uint8Array): void {
    this.channel.send(this.#out.encryptWithAd(null, plaintext))
  }
}

/** A session in `role`, and its puppet. */
export async function puppetFor(
  role: 'initiator' | 'responder',
  options: PairOptions,
): Promise<Puppet> {
  const { runtime, idleTimeoutMs = defaultIdleTimeoutMs, nonce } = options
  const { diallerKey = Uint8Array.of(1), answererKey = Uint8Array.of(2) } = options
  const [near, far] = await channelPair(options)
  const session = new Session({
    role,
    channel: near,
    ciphers: ciphers(nonce),
    runtime,
    diallerKey,
    peerDeviceKey: role === 'initiator' ? answererKey : diallerKey,
    idleTimeoutMs,
  })
  const [first, second] = ciphers(nonce)
  return role === 'initiator'
    ? new Puppet(session, [near, far], second, first)
    : new Puppet(session, [near, far], first, second)
}
