/**
 * Peer connections of the browser, made by simple-peer, which no other file knows. It serves as the driver of one
 * offer and one answer; messages go past it, straight to the data channel, whose buffer is then the only one.
 *
 * simple-peer destroys itself on one candidate it does not like, and would obey a peer's `renegotiate`: it only ever gets
 * descriptions and candidates rebuilt here from checked values. Where the other side never answers, an attempt has no time
 * limit of its own: the caller closes it.
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
} from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import { type DataChannelOwner, takeDataChannel } from './data-channel.ts'
import {
  bad,
  type Candidate,
  decodeCandidates,
  decodeDescription,
  type Description,
  encodeCandidates,
  encodeDescription,
} from './description.ts'
import { routeOf } from './route.ts'
import { readCandidate, readSdp, type Role, writeCandidate, writeSdp } from './sdp.ts'
import type { Attempt, Channel, Transport } from './transport.ts'
import type SimplePeer from 'simple-peer'

/** How WebRTC finds a way between two networks. */
export interface IceOptions {
  /**
   * STUN and TURN servers, or a function that is asked at the start of every attempt (for short-lived TURN credentials).
   * Default: none, so that nobody but the peer learns an address; peers behind different NATs then rarely connect.
   */
  readonly servers?: RTCIceServer[] | (() => Promise<RTCIceServer[]>) | undefined
  /** `relay-only` hides every address from the peer but the TURN relay's. Default: `all`. */
  readonly policy?: 'all' | 'relay-only' | undefined
  /** Judges each candidate, one's own before it is sent and the peer's before it is tried. One refused is left out. */
  readonly allowCandidate?: ((candidate: Candidate) => boolean) | undefined
}

export interface WebRtcOptions {
  readonly runtime: Runtime
  readonly ice?: IceOptions
}

let LoadedPeer: typeof SimplePeer | undefined

const loadSimplePeer = async () => {
  LoadedPeer ??= (await import('simple-peer/simplepeer.min.js')).default
  return LoadedPeer
}

const isSupported = () => typeof RTCPeerConnection === 'function'

export class WebRtcTransport implements Transport {
  readonly #options: WebRtcOptions

  /** Begins to load simple-peer, so that the first attempt need not wait for it. An attempt meets the error, if any. */
  constructor(options: WebRtcOptions) {
    this.#options = options
    if (isSupported()) loadSimplePeer().catch(() => {})
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
    if (!isSupported()) throw new HandfastError('unsupported', 'This platform has no WebRTC')
    return new WebRtcAttempt(this.#options, role, remote)
  }
}

class WebRtcAttempt implements Attempt, DataChannelOwner {
  readonly #runtime: Runtime
  readonly #ice: IceOptions
  readonly #role: Role
  readonly #description = deferred<unknown>()
  readonly description = this.#description.promise
  readonly #channel = deferred<Channel>()
  readonly channel = this.#channel.promise
  readonly #closed = deferred<void>()
  readonly closed = this.#closed.promise
  readonly #events = new Emitter<{ candidates: [unknown] }>()
  ended = false
  #peer: SimplePeer.Instance | undefined
  /** What simple-peer will be told once it is there. */
  readonly #waiting: SimplePeer.SignalData[] = []

  #local: Description | undefined
  readonly #localCandidates: Candidate[] = []
  /** How many of them the other side was told; infinite until the description is out. */
  #toldCandidates = Infinity
  #candidatesDue = false

  #remote: Description | undefined
  /** The candidates seen so far, also those refused by policy, as JSON. */
  readonly #remoteCandidates = new Set<string>()

  constructor({ runtime, ice = {} }: WebRtcOptions, role: Role, remote?: Description) {
    this.#runtime = runtime
    this.#ice = ice
    this.#role = role
    // Both may fail, and a caller may look at one only.
    this.description.catch(() => {})
    this.channel.catch(() => {})
    if (remote) this.#takeRemote(remote)
    this.#start()
  }

  onCandidates(listener: (candidates: unknown) => void): Unsubscribe {
    const unsubscribe = this.#events.on('candidates', listener)
    this.#announceCandidates()
    return unsubscribe
  }

  accept(answer: unknown): void {
    const remote = decodeDescription(answer)
    if (this.ended) return
    if (this.#remote || this.#toldCandidates === Infinity) {
      throw new HandfastError('wrong-phase', 'No answer is expected')
    }
    this.#takeRemote(remote)
  }

  addCandidates(candidates: unknown): void {
    const list = decodeCandidates(candidates)
    if (!this.ended) this.#takeCandidates(list)
  }

  close(): void {
    this.#end(new HandfastError('closed', 'The attempt was closed'))
  }

  fail(cause: unknown): void {
    this.#end(new HandfastError('transport-failed', 'The connection failed', { cause }))
  }

  /** Idempotent. Timers may outlive it: they find nothing left to do. */
  #end(error: HandfastError): void {
    this.ended = true
    this.#events.clear()
    this.#description.reject(error)
    this.#channel.reject(error)
    this.#closed.resolve()
    this.#peer?.destroy()
  }

  /** At once where nothing has to be waited for: the browser then works while the caller does its cryptography. */
  #start(): void {
    const { servers = [] } = this.#ice
    if (LoadedPeer && typeof servers !== 'function') return this.#connect(servers, LoadedPeer)
    Promise.all([typeof servers === 'function' ? servers() : servers, loadSimplePeer()])
      .then(([iceServers, Peer]) => this.#connect(iceServers, Peer))
      .catch((error: unknown) => this.fail(error))
  }

  #connect(iceServers: RTCIceServer[], Peer: typeof SimplePeer): void {
    if (this.ended) return
    const onOpen = (connection: RTCPeerConnection, channel: RTCDataChannel) => {
      const peerTakes = this.#remote!.maxMessageBytes
      const maxBytes = Math.min(connection.sctp?.maxMessageSize ?? peerTakes, peerTakes)
      // simple-peer would keep every message in a stream that nobody reads: this replaces its handlers.
      const route = async () => routeOf(await connection.getStats())
      this.#channel.resolve(Object.assign(takeDataChannel(channel, maxBytes, this), { route }))
    }
    class Connection extends RTCPeerConnection {
      override createDataChannel(label: string, init: RTCDataChannelInit): RTCDataChannel {
        const channel = super.createDataChannel(label, init)
        channel.addEventListener('open', () => onOpen(this, channel))
        return channel
      }
      /** A candidate that this browser cannot use is no reason to give up on the others. */
      override addIceCandidate(candidate: RTCIceCandidateInit): Promise<void> {
        return super.addIceCandidate(candidate).catch(() => {})
      }
    }
    const peer = new Peer({
      initiator: this.#role === 'offer',
      config: {
        iceServers,
        iceTransportPolicy: this.#ice.policy === 'relay-only' ? 'relay' : 'all',
      },
      channelName: '-',
      channelConfig: { negotiated: true, id: 0 },
      objectMode: true,
      wrtc: { RTCPeerConnection: Connection, RTCSessionDescription, RTCIceCandidate },
    })
    this.#peer = peer
    peer.on('error', (error) => this.fail(error))
    peer.on('close', () => this.fail(new Error('The connection ended')))
    peer.on('signal', (data) => this.#onSignal(data))
    for (const data of this.#waiting) peer.signal(data)
  }

  #onSignal(data: SimplePeer.SignalData): void {
    if (data.type === 'candidate') {
      this.#addLocalCandidate(readCandidate(data.candidate.candidate))
    } else if (data.type === this.#role && 'sdp' in data) {
      try {
        this.#local = readSdp(this.#role, data.sdp ?? '')
      } catch (error) {
        return this.fail(error)
      }
      // An answer need not wait: its sender reaches out to the offer's candidates at once.
      if (this.#ice.policy === 'relay-only') this.#describeIn(firstRelayCandidateMs)
      else if (this.#role === 'offer') this.#describeIn(firstCandidateMs)
      else this.#describe()
      if (this.#localCandidates.length > 0) this.#describeIn(candidateSettleMs)
    }
  }

  #addLocalCandidate(candidate: Candidate | undefined): void {
    const { policy, allowCandidate } = this.#ice
    if (!candidate || (policy === 'relay-only' && candidate.type !== 'relay')) return
    const room = candidate.type === 'host' ? maxCandidates / 2 : maxCandidates
    if (this.#localCandidates.length >= room || allowCandidate?.(candidate) === false) return
    this.#localCandidates.push(candidate)
    this.#announceCandidates()
    if (this.#local) this.#describeIn(candidateSettleMs)
  }

  #describeIn(delayMs: number): void {
    this.#runtime.setTimer(delayMs, () => this.#describe())
  }

  #describe(): void {
    if (this.#toldCandidates < Infinity) return
    const candidates = this.#localCandidates
    this.#toldCandidates = candidates.length
    this.#description.resolve(encodeDescription({ ...this.#local!, candidates }))
  }

  #announceCandidates(): void {
    if (this.#candidatesDue || this.#localCandidates.length <= this.#toldCandidates) return
    this.#candidatesDue = true
    const delayMs = this.#toldCandidates === 0 ? candidateSettleMs : candidateIntervalMs
    this.#runtime.setTimer(delayMs, () => {
      this.#candidatesDue = false
      if (this.#events.listenerCount('candidates') === 0) return
      this.#toldCandidates = this.#localCandidates.length
      this.#events.emit('candidates', encodeCandidates(this.#localCandidates))
    })
  }

  #takeRemote(remote: Description): void {
    this.#takeCandidates(remote.candidates)
    this.#remote = remote
    const type = this.#role === 'offer' ? 'answer' : 'offer'
    this.#signal({ type, sdp: writeSdp(type, remote) })
  }

  #takeCandidates(candidates: readonly Candidate[]): void {
    const known = this.#remoteCandidates
    const fresh = new Map(candidates.map((candidate) => [JSON.stringify(candidate), candidate]))
    for (const key of known) fresh.delete(key)
    if (known.size + fresh.size > maxCandidates) bad()
    for (const [key, candidate] of fresh) {
      known.add(key)
      if (this.#ice.allowCandidate?.(candidate) === false) continue
      this.#signal({ type: 'candidate', candidate: writeCandidate(candidate) as RTCIceCandidate })
    }
  }

  #signal(data: SimplePeer.SignalData): void {
    if (this.#peer) this.#peer.signal(data)
    else this.#waiting.push(data)
  }
}
