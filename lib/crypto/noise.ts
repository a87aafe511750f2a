/**
 * HandshakeState of Noise revision 34, section 5.3, for the suite 25519_ChaChaPoly_BLAKE2b.
 *
 * Every message is worked out on a copy and committed at the end: what fails changes nothing. The hash just
 * before the payload can be read (and, for one's own message, had in advance), so that the payload can carry a
 * signature over it. Once finished, a handshake can only split and export.
 */

import { concat } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import { aeadTagBytes, maxFrameBytes } from '../base/limits.ts'
import { type Runtime, systemRuntime } from '../base/runtime.ts'
import type { CipherState } from './cipher-state.ts'
import { type Pattern, type PatternName, type Token, parsePattern } from './patterns.ts'
import { SymmetricState } from './symmetric-state.ts'
import { type KeyPair, dh, generateKeyPair, keyBytes } from './x25519.ts'

export type Role = 'initiator' | 'responder'

export interface HandshakeOptions {
  pattern: PatternName
  role: Role
  /** What both sides must agree on; empty by default. */
  prologue?: Uint8Array | undefined
  /** Own static key pair, where the pattern uses one. */
  s?: KeyPair | undefined
  /** The other side's static public key, where the pattern knows it beforehand. */
  rs?: Uint8Array | undefined
  /** 32 bytes, where the pattern has a psk. */
  psk?: Uint8Array | undefined
  /** Fixed ephemeral key pair, so that published vectors can be reproduced. Reusing one breaks every guarantee. */
  ephemeralForTesting?: KeyPair | undefined
  /** Source of the ephemeral; the platform's by default. */
  randomBytes?: Runtime['randomBytes'] | undefined
}

/** What a message changes. */
interface Progress {
  readonly symmetric: SymmetricState
  e?: KeyPair
  re?: Uint8Array
  rs?: Uint8Array
}

interface Prepared {
  readonly progress: Progress
  readonly payloadHash: Uint8Array
  /** The message up to its payload. */
  readonly head: Uint8Array
}

const invalid = (message: string) => new HandfastError('invalid-argument', message)
const wrongPhase = (message: string) => new HandfastError('wrong-phase', message)

function checkKey(name: string, key: Uint8Array | undefined, needed: boolean): void {
  if (!key !== !needed) throw invalid(`the pattern ${needed ? 'needs' : 'has no use for'} ${name}`)
  if (key && key.length !== keyBytes) throw invalid(`${name} has 32 bytes`)
}

export class HandshakeState {
  readonly #pattern: Pattern
  readonly #isInitiator: boolean
  readonly #s: KeyPair | undefined
  readonly #psk: Uint8Array | undefined
  readonly #makeEphemeral: () => KeyPair
  #progress: Progress
  #prepared: Prepared | undefined
  #payloadHash: Uint8Array | undefined
  #messageIndex = 0
  #hasSplit = false

  /** Throws `invalid-argument` on an unknown pattern and on a key that is missing, unneeded or not 32 bytes. */
  constructor(options: HandshakeOptions) {
    const { pattern: name, role, prologue = new Uint8Array(), s, rs, psk } = options
    const pattern = parsePattern(name)
    const isInitiator = role === 'initiator'
    if (!isInitiator && role !== 'responder') throw invalid('the role is initiator or responder')
    const [ownKnown, theirsKnown] = isInitiator
      ? pattern.preMessages
      : pattern.preMessages.toReversed()
    const sendsStatic = pattern.messages.some(
      (tokens, index) => (index % 2 === 0) === isInitiator && tokens.includes('s'),
    )
    const needsStatic = ownKnown! || sendsStatic
    checkKey('s.publicKey', s?.publicKey, needsStatic)
    checkKey('s.secretKey', s?.secretKey, needsStatic)
    checkKey('rs', rs, theirsKnown!)
    checkKey('psk', psk, pattern.hasPsk)

    this.#pattern = pattern
    this.#isInitiator = isInitiator
    this.#s = s
    this.#psk = psk
    const { ephemeralForTesting, randomBytes = systemRuntime.randomBytes } = options
    checkKey('ephemeralForTesting.publicKey', ephemeralForTesting?.publicKey, !!ephemeralForTesting)
    this.#makeEphemeral = () => ephemeralForTesting ?? generateKeyPair({ randomBytes })
    const symmetric = new SymmetricState(name)
    symmetric.mixHash(prologue)
    const statics = isInitiator ? [s?.publicKey, rs] : [rs, s?.publicKey]
    pattern.preMessages.forEach((known, index) => {
      if (known) symmetric.mixHash(statics[index]!)
    })
    this.#progress = rs ? { symmetric, rs } : { symmetric }
  }

  /** Whether all messages have passed. */
  get finished(): boolean {
    return this.#messageIndex === this.#pattern.messages.length
  }

  /** The other side's static public key, as far as known. */
  get remoteStatic(): Uint8Array | undefined {
    return this.#progress.rs
  }

  get remoteEphemeral(): Uint8Array | undefined {
    return this.#progress.re
  }

  get localEphemeral(): Uint8Array | undefined {
    return (this.#prepared?.progress ?? this.#progress).e?.publicKey
  }

  /** h just before the payload of the message last read, written or prepared. Throws `wrong-phase` before any. */
  get payloadHash(): Uint8Array {
    const hash = this.#prepared?.payloadHash ?? this.#payloadHash
    if (!hash) throw wrongPhase('no message yet')
    return hash.slice()
  }

  /** Final h, which both sides share. Throws `wrong-phase` before the handshake has finished. */
  get handshakeHash(): Uint8Array {
    return this.#final().hash
  }

  /**
   * Works out my next message up to its payload and returns h at that point, 64 bytes. Calling it again returns
   * the same. Throws `wrong-phase` when it is not my turn, `bad-key` when the other side's key is of small order.
   */
  prepareMessage(): Uint8Array {
    this.#prepared ??= this.#prepare()
    return this.payloadHash
  }

  /**
   * My next message, carrying `payload`; completes what `prepareMessage` began. Throws `wrong-phase` when it is
   * not my turn, `bad-key` as there, `too-large` above 65,535 bytes; then nothing has changed.
   */
  writeMessage(payload: Uint8Array): Uint8Array {
    const { progress, payloadHash, head } = this.#prepared ?? this.#prepare()
    const overhead = head.length + (progress.symmetric.hasKey ? aeadTagBytes : 0)
    if (overhead + payload.length > maxFrameBytes) throw tooLarge()
    const message = concat(head, progress.symmetric.encryptAndHash(payload))
    this.#commit(progress, payloadHash)
    return message
  }

  /**
   * The payload of the other side's next message. Throws `wrong-phase` when it is not their turn, `too-large`
   * above 65,535 bytes, `decrypt-failed` when it is forged or truncated, `bad-key` when a key in it is of small
   * order; then nothing has changed.
   */
  readMessage(message: Uint8Array): Uint8Array {
    const tokens = this.#nextTokens(false)
    if (message.length > maxFrameBytes) throw tooLarge()
    const progress = this.#copyProgress()
    const { symmetric } = progress
    let offset = 0
    const take = (length: number) => {
      const end = offset + length
      if (end > message.length) throw new HandfastError('decrypt-failed', 'the message is cut off')
      const part = message.slice(offset, end)
      offset = end
      return part
    }
    for (const token of tokens) {
      if (token === 'e') {
        progress.re = take(keyBytes)
        this.#mixEphemeral(symmetric, progress.re)
      } else if (token === 's') {
        const sealedBytes = keyBytes + (symmetric.hasKey ? aeadTagBytes : 0)
        progress.rs = symmetric.decryptAndHash(take(sealedBytes))
      } else {
        this.#mixToken(progress, token)
      }
    }
    const payloadHash = symmetric.hash
    const payload = symmetric.decryptAndHash(message.subarray(offset))
    this.#commit(progress, payloadHash)
    return payload
  }

  /**
   * The cipher states for transport messages: initiator to responder, then responder to initiator. Throws
   * `wrong-phase` before the handshake has finished, and the second time.
   */
  split(): [CipherState, CipherState] {
    const symmetric = this.#final()
    if (this.#hasSplit) throw wrongPhase('this handshake has been split already')
    this.#hasSplit = true
    return symmetric.split()
  }

  /**
   * 32 bytes that only the two sides can know, one value per label: the first half of HMAC-BLAKE2b under the
   * final chaining key over `label ‖ 0x00 ‖ h`. Throws `wrong-phase` before the handshake has finished.
   */
  exportKey(label: string): Uint8Array {
    return this.#final().exportKey(label)
  }

  #final(): SymmetricState {
    if (!this.finished) throw wrongPhase('the handshake has not finished')
    return this.#progress.symmetric
  }

  #nextTokens(mine: boolean): readonly Token[] {
    const tokens = this.#pattern.messages[this.#messageIndex]
    if (!tokens) throw wrongPhase('the handshake has finished')
    if ((this.#messageIndex % 2 === 0) !== (mine === this.#isInitiator)) {
      throw wrongPhase(`it is ${mine ? "the other side's" : 'my'} turn`)
    }
    return tokens
  }

  #copyProgress(): Progress {
    return { ...this.#progress, symmetric: this.#progress.symmetric.clone() }
  }

  #prepare(): Prepared {
    const tokens = this.#nextTokens(true)
    const progress = this.#copyProgress()
    const { symmetric } = progress
    const parts: Uint8Array[] = []
    for (const token of tokens) {
      if (token === 'e') {
        progress.e = this.#makeEphemeral()
        parts.push(progress.e.publicKey)
        this.#mixEphemeral(symmetric, progress.e.publicKey)
      } else if (token === 's') {
        parts.push(symmetric.encryptAndHash(this.#s!.publicKey))
      } else {
        this.#mixToken(progress, token)
      }
    }
    return { progress, payloadHash: symmetric.hash, head: concat(...parts) }
  }

  /** With a psk, the ephemeral also randomises the key, since a psk alone may serve twice (section 9.2). */
  #mixEphemeral(symmetric: SymmetricState, publicKey: Uint8Array): void {
    symmetric.mixHash(publicKey)
    if (this.#psk) symmetric.mixKey(publicKey)
  }

  /** A psk, or a shared secret: the token names the initiator's key first, the responder's second. */
  #mixToken(progress: Progress, token: Exclude<Token, 'e' | 's'>): void {
    const { symmetric, e, re, rs } = progress
    if (token === 'psk') return symmetric.mixKeyAndHash(this.#psk!)
    const [mine, theirs] = this.#isInitiator ? token : [token[1], token[0]]
    const own = mine === 'e' ? e : this.#s
    symmetric.mixKey(dh(own!.secretKey, (theirs === 'e' ? re : rs)!))
  }

  #commit(progress: Progress, payloadHash: Uint8Array): void {
    this.#progress = progress
    this.#payloadHash = payloadHash
    this.#prepared = undefined
    this.#messageIndex++
  }
}

const tooLarge = () =>
  new HandfastError('too-large', `a handshake message has at most ${maxFrameBytes} bytes`)
