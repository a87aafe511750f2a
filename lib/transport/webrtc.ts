/**
 * Peer connections of the browser, made by simple-peer, which no other file knows. It serves as the driver of one
 * offer and one answer; messages go past it, straight to the data channel, whose buffer is then the only one.
 *
 * simple-peer destroys itself on one candidate it does not like, and would obey a peer's `renegotiate`: it only ever gets
 * descriptions and candidates rebuilt here from checked values.
 */

import { deferred } from '../base/deferred.ts'
import { Emitter, type Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import {
  candidateIntervalMs,
  candidateSettleMs,
  firstCandidateMs,
  firstRelayCandidateMs,
  maxCandidates,
  maxFrameBytes,
} from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import { DataChannel } from './data-channel.ts'
import {
  bad,
  type Candidate,
  candidateKey,
  decodeCandidates,
  decodeDescription,
  type Description,
  encodeCandidates,
  encodeDescription,
} from './description.ts'
import { readCandidate, readSdp, type Role, writeCandidate, writeSdp } from './sdp.ts'
import type { Attempt, Channel, Transport } from './transport.ts'
import type SimplePeer from 'simple-peer'

/** How peers may find a way to each other. */
export interface IceOptions {
  /**
   * STUN and TURN servers, or a function that is asked at the start of every attempt (for short-lived TURN credentials).
   * Default: none, so that nobody but the peer learns an address; peers behind different NATs then rarely connect.
   */
  readonly servers?: RTCIceServer[] | (() => Promise<RTCIceServer[]>)
  /** `relay-only` hides every address from the peer but the TURN relay's. Default: `all`. */
  readonly policy?: 'all' | 'relay-only'
  /** Judges each candidate, one's own before it is sent and the peer's before it is tried. One refused is left out. */
  readonly allowCandidate?: (candidate: Candidate) => boolean
}

export interface WebRtcOptions {
  readonly runtime: Runtime
  readonly ice?: IceOptions
}

/** Attempts have no time limit of their own where the other side never answers: the caller closes them. */
export class WebRtcTransport implements Transport {
  readonly #options: WebRtcOptions

  constructor(options: WebRtcOptions) {
    this.#options = options
  }

  /** @throws HandfastError `unsupported` where the platform has no WebRTC */
  offer(): Attempt {
    return this.#begin('offer')
  }

  /** @throws HandfastError `bad-description` */
  checkOffer(offer: unknown): void {
    decodeDescription(offer)
  }

  /** @throws HandfastError `bad-description`, `unsupported` */
  answer(offer: unknown): Attempt {
    return this.#begin('answer', decodeDescription(offer))
  }

  #begin(role: Role, remote?: Description): Attempt {
    if (typeof RTCPeerConnection === 'undefined') {
      throw new HandfastError('unsupported', 'This platform has no WebRTC')
    }
    return new WebRtcAttempt(this.#options, role, remote)
  }
}

class WebRtcAttempt implements Attempt {
  readonly #runtime: Runtime
  readonly #ice: IceOptions
  readonly #role: Role
  readonly #description = deferred<unknown>()
  readonly description = this.#description.promise
  readonly #channel = deferred<Channel>()
  readonly channel = this.#channel.promise
  readonly #closed = deferred<void>()
  readonly #events = new Emitter<{ candidates: [unknown] }>()
  /** Aborted when the attempt has ended, which takes timers and listeners with it. */
  readonly #ended = new AbortController()
  #peer: SimplePeer.Instance | undefined

  #local: Description | undefined
  readonly #localCandidates: Candidate[] = []
  /** How many of them the other side was told; undefined until the description is out. */
  #toldCandidates: number | undefined
  #candidatesDue = false

  #remote: Description | undefined
  readonly #remoteCandidates: Candidate[] = []
  readonly #remoteKeys = new Set<string>()

  constructor({ runtime, ice = {} }: WebRtcOptions, role: Role, remote: Description | undefined) {
    this.#runtime = runtime
    this.#ice = ice
    this.#role = role
    // Both may fail, and a caller may look at one only.
    this.description.catch(() => {})
    this.channel.catch(() => {})
    if (remote) this.#takeRemote(remote)
    this.#start().catch((error: unknown) => this.#fail(error))
  }

  onCandidates(listener: (candidates: unknown) => void): Unsubscribe {
    const unsubscribe = this.#events.on('candidates', listener)
    this.#announceCandidates()
    return unsubscribe
  }

  accept(answer: unknown): void {
    const remote = decodeDescription(answer)
    if (this.#ended.signal.aborted) return
    if (this.#remote || this.#toldCandidates === undefined) {
      throw new HandfastError('wrong-phase', 'No answer is expected')
    }
    this.#takeRemote(remote)
  }

  addCandidates(candidates: unknown): void {
    const list = decodeCandidates(candidates)
    if (!this.#ended.signal.aborted) this.#takeCandidates(list)
  }

  close(): void {
    this.#end(new HandfastError('closed', 'The attempt was closed'))
  }

  async #start(): Promise<void> {
    const { servers = [], policy } = this.#ice
    const [iceServers, { default: Peer }] = await Promise.all([
      typeof servers === 'function' ? servers() : servers,
      import('simple-peer/simplepeer.min.js'),
    ])
    if (this.#ended.signal.aborted) return

    let made: [RTCPeerConnection, RTCDataChannel] | undefined
    class Connection extends RTCPeerConnection {
      override createDataChannel(label: string, init: RTCDataChannelInit): RTCDataChannel {
        made = [this, super.createDataChannel(label, init)]
        return made[1]
      }
      /** A candidate that this browser cannot use is no reason to give up on the others. */
      override addIceCandidate(candidate: RTCIceCandidateInit): Promise<void> {
        return super.addIceCandidate(candidate).catch(() => {})
      }
    }
    const peer = new Peer({
      initiator: this.#role === 'offer',
      config: { iceServers, iceTransportPolicy: policy === 'relay-only' ? 'relay' : 'all' },
      channelName: '-',
      channelConfig: { negotiated: true, id: 0 },
      objectMode: true,
      trickle: true,
      wrtc: { RTCPeerConnection: Connection, RTCSessionDescription, RTCIceCandidate },
    })
    this.#peer = peer
    peer.on('error', (error) => this.#fail(error))
    peer.on('close', () => this.#fail(new Error('The connection ended')))
    peer.on('signal', (data) => this.#onSignal(data))
    // Where the connection could not be constructed, the error follows.
    if (made) this.#attach(...made)
    if (this.#remote) peer.signal(remoteSdp(this.#role, this.#remote))
    for (const candidate of this.#remoteCandidates) peer.signal(remoteCandidate(candidate))
  }

  #attach(connection: RTCPeerConnection, dataChannel: RTCDataChannel): void {
    // simple-peer would keep every message in a stream that nobody reads: this takes its handlers away.
    const channel = new DataChannel(dataChannel, {
      closed: this.#closed.promise,
      ended: this.#ended.signal,
      close: () => this.close(),
      fail: (cause) => this.#fail(cause),
    })
    const onOpen = () => {
      channel.maxMessageBytes = Math.min(
        connection.sctp?.maxMessageSize ?? maxFrameBytes,
        this.#remote?.maxMessageBytes ?? maxFrameBytes,
      )
      this.#channel.resolve(channel)
    }
    dataChannel.addEventListener('open', onOpen, { signal: this.#ended.signal })
  }

  #onSignal(data: SimplePeer.SignalData): void {
    if (data.type === 'candidate') {
      this.#addLocalCandidate(readCandidate(data.candidate.candidate))
    } else if (data.type === this.#role && 'sdp' in data) {
      try {
        this.#local = readSdp(this.#role, data.sdp ?? '')
      } catch (error) {
        return this.#fail(error)
      }
      const relayOnly = this.#ice.policy === 'relay-only'
      this.#after(relayOnly ? firstRelayCandidateMs : firstCandidateMs, () => this.#describe())
      if (this.#localCandidates.length > 0) this.#describeSoon()
    }
  }

  #addLocalCandidate(candidate: Candidate | undefined): void {
    const { policy, allowCandidate } = this.#ice
    if (!candidate || (policy === 'relay-only' && candidate.type !== 'relay')) return
    const room = candidate.type === 'host' ? maxCandidates / 2 : maxCandidates
    if (this.#localCandidates.length >= room || allowCandidate?.(candidate) === false) return
    this.#localCandidates.push(candidate)
    if (this.#toldCandidates !== undefined) this.#announceCandidates()
    else if (this.#local) this.#describeSoon()
  }

  #describeSoon(): void {
    this.#after(candidateSettleMs, () => this.#describe())
  }

  #describe(): void {
    if (!this.#local || this.#toldCandidates !== undefined) return
    const candidates = this.#localCandidates
    this.#toldCandidates = candidates.length
    this.#description.resolve(encodeDescription({ ...this.#local, candidates }))
  }

  #announceCandidates(): void {
    const grown = () => this.#localCandidates.length > (this.#toldCandidates ?? Infinity)
    if (this.#candidatesDue || !grown()) return
    this.#candidatesDue = true
    this.#after(candidateIntervalMs, () => {
      this.#candidatesDue = false
      if (this.#events.listenerCount('candidates') === 0) return
      this.#toldCandidates = this.#localCandidates.length
      this.#events.emit('candidates', encodeCandidates(this.#localCandidates))
    })
  }

  #takeRemote(remote: Description): void {
    this.#takeCandidates(remote.candidates)
    this.#remote = remote
    this.#peer?.signal(remoteSdp(this.#role, remote))
  }

  #takeCandidates(candidates: readonly Candidate[]): void {
    const fresh = new Map(candidates.map((candidate) => [candidateKey(candidate), candidate]))
    for (const key of this.#remoteKeys) fresh.delete(key)
    if (this.#remoteKeys.size + fresh.size > maxCandidates) bad('too many candidates')
    for (const [key, candidate] of fresh) {
      this.#remoteKeys.add(key)
      if (this.#ice.allowCandidate?.(candidate) === false) continue
      this.#remoteCandidates.push(candidate)
      this.#peer?.signal(remoteCandidate(candidate))
    }
  }

  #after(delayMs: number, callback: () => void): void {
    const { signal } = this.#ended
    if (signal.aborted) return
    const cancel = this.#runtime.setTimer(delayMs, () => {
      signal.removeEventListener('abort', cancel)
      callback()
    })
    signal.addEventListener('abort', cancel)
  }

  #fail(cause: unknown): void {
    this.#end(new HandfastError('transport-failed', 'The connection failed', { cause }))
  }

  #end(error: HandfastError): void {
    this.#ended.abort()
    this.#events.clear()
    this.#description.reject(error)
    this.#channel.reject(error)
    this.#closed.resolve()
    this.#peer?.destroy()
  }
}

const remoteSdp = (role: Role, remote: Description): SimplePeer.SignalData => {
  const type = role === 'offer' ? 'answer' : 'offer'
  return { type, sdp: writeSdp(type, remote) }
}

const remoteCandidate = (candidate: Candidate): SimplePeer.SignalData => ({
  type: 'candidate',
  candidate: writeCandidate(candidate) as RTCIceCandidate,
})
