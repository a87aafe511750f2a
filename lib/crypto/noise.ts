/**
 * HandshakeState of Noise revision 34, section 5.3, for the suite 25519_ChaChaPoly_BLAKE2b.
 *
 * Every message is worked out on a copy and committed at the end: what fails changes nothing. The hash just
 * before the payload can be read (and, for one's own message, had in advance), so that the payload can carry a
 * signature over it. Once finished, a handshake can only split and export.
 */

import { concat } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import { maxFrameBytes } from '../base/limits.ts'
import { type Runtime, systemRuntime } from '../base/runtime.ts'
import type { CipherState } from './cipher-state.ts'
import { type Pattern, type PatternName, type Token, parsePattern } from './patterns.ts'
import { SymmetricState } from './symmetric-state.ts'
import { type KeyPair, dh, generateKeyPair, keyBytes } from './x25519.ts'

const roles = ['initiator', 'responder'] as const
export type Role = (typeof roles)[number]

export interface HandshakeOptions {
  pattern: PatternName
  role: Role
  /** What both sides must agree on; empty by default. */
  prologue?: Uint8Array | undefined
  /** Own static key pair, where the pattern uses one. */
  s?: KeyPair | undefined
  /** The other side's static public key, where the pattern knows it beforehand. */
  rs?: Uint8Array | undefined
  /** The secret that both static keys agree on, where it is at hand: it is the same every time. */
  ss?: (() => Uint8Array) | undefined
  /** 32 bytes, where the pattern has a psk. */
  psk?: Uint8Array | undefined
  /** A fixed ephemeral key pair, so that published vectors can be reproduced. Reusing one breaks every guarantee. */
  ephemeralForTesting?: KeyPair | undefined
  /** Source of the ephemeral; the platform's by default. */
  randomBytes?: Runtime['randomBytes'] | undefined
}

/** What a message changes. */
interface Progress {
  readonly symmetric: SymmetricState
  e?: KeyPair
  re?: Uint8Array
  rs?: Uint8Array | undefined
  /** h just before the payload. */
  payloadHash?: Uint8Array
}

interface Prepared {
  readonly progress: Progress
  /** The message up to its payload. */
  readonly head: Uint8Array
}

const wrongPhase = () => new HandfastError('wrong-phase')

function checkKey(key: Uint8Array | undefined, needed: boolean): void {
  if (needed ? key?.length !== keyBytes : key) throw new HandfastError('invalid-argument')
}

function checkSize(bytes: number): void {
  if (bytes > maxFrameBytes) throw new HandfastError('too-large')
}

export class HandshakeState {
  readonly #name: PatternName
  readonly #pattern: Pattern
  /** Of two messages mine is the first, 0, or the second, 1. */
  readonly #turn: number
  readonly #s: KeyPair | undefined
  readonly #ss: (() => Uint8Array) | undefined
  readonly #psk: Uint8Array | undefined
  readonly #makeEphemeral: () => KeyPair
  #progress: Progress
  #prepared: Prepared | undefined
  #messageIndex = 0
  #hasSplit = false

  /** Throws `invalid-argument` on an unknown pattern and on a key that is missing, unneeded or not 32 bytes. */
  constructor(options: HandshakeOptions) {
    const { pattern: name, role, prologue = new Uint8Array(), s, rs, psk } = options
    const pattern = parsePattern(name)
    const turn = roles.indexOf(role)
    if (turn < 0) throw new HandfastError('invalid-argument')
    const needsStatic =
      pattern.preMessages[turn]! ||
      pattern.messages.some((tokens, index) => index % 2 === turn && tokens.includes('s'))
    checkKey(s?.publicKey, needsStatic)
    checkKey(s?.secretKey, needsStatic)
    checkKey(rs, pattern.preMessages[1 - turn]!)
    checkKey(psk, pattern.hasPsk)

    this.#name = name
    this.#pattern = pattern
    this.#turn = turn
    this.#s = s
    this.#ss = options.ss
    this.#psk = psk
    const { ephemeralForTesting, randomBytes = systemRuntime.randomBytes } = options
    this.#makeEphemeral = () => ephemeralForTesting ?? generateKeyPair({ randomBytes })
    const symmetric = new SymmetricState(name)
    symmetric.mixHash(prologue)
    pattern.preMessages.forEach((known, index) => {
      if (known) symmetric.mixHash(index === turn ? s!.publicKey : rs!)
    })
    this.#progress = { symmetric, rs }
  }

  /** Of the pattern. */
  get name(): PatternName {
    return this.#name
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
    return this.#latest.e?.publicKey
  }

  /** h just before the payload of the message last read, written or prepared. Throws `wrong-phase` before any. */
  get payloadHash(): Uint8Array {
    const { payloadHash } = this.#latest
    if (!payloadHash) throw wrongPhase()
    return payloadHash.slice()
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
    const { progress, head } = this.#prepared ?? this.#prepare()
    const { symmetric } = progress
    checkSize(head.length + payload.length + symmetric.tagBytes)
    const message = concat(head, symmetric.encryptAndHash(payload))
    this.#commit(progress)
    return message
  }

  /**
   * The payload of the other side's next message. Throws `wrong-phase` when it is not their turn, `too-large`
   * above 65,535 bytes, `decrypt-failed` when it is forged or truncated, `bad-key` when a key in it is of small
   * order; then nothing has changed.
   */
  readMessage(message: Uint8Array): Uint8Array {
    const [tokens, progress] = this.#next(false)
    checkSize(message.length)
    const { symmetric } = progress
    let offset = 0
    const take = (length: number) => {
      const start = offset
      offset += length
      if (offset > message.length) throw new HandfastError('decrypt-failed')
      return message.slice(start, offset)
    }
    for (const token of tokens) {
      if (token === 'e') {
        progress.re = take(keyBytes)
        this.#mixEphemeral(symmetric, progress.re)
      } else if (token === 's') {
        progress.rs = symmetric.decryptAndHash(take(keyBytes + symmetric.tagBytes))
      } else {
        this.#mixToken(progress, token)
      }
    }
    progress.payloadHash = symmetric.hash
    const payload = symmetric.decryptAndHash(message.subarray(offset))
    this.#commit(progress)
    return payload
  }

  /**
   * The cipher states for transport messages: initiator to responder, then responder to initiator. Throws
   * `wrong-phase` before the handshake has finished, and the second time.
   */
  split(): [CipherState, CipherState] {
    const symmetric = this.#final()
    if (this.#hasSplit) throw wrongPhase()
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

  get #latest(): Progress {
    return this.#prepared?.progress ?? this.#progress
  }

  #final(): SymmetricState {
    if (!this.finished) throw wrongPhase()
    return this.#progress.symmetric
  }

  /** The tokens of the next message, and a copy of the state to work on. */
  #next(isMine: boolean): [readonly Token[], Progress] {
    const tokens = this.#pattern.messages[this.#messageIndex]
    if (!tokens || (this.#messageIndex % 2 === this.#turn) !== isMine) throw wrongPhase()
    return [tokens, { ...this.#progress, symmetric: this.#progress.symmetric.clone() }]
  }

  #prepare(): Prepared {
    const [tokens, progress] = this.#next(true)
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
    progress.payloadHash = symmetric.hash
    return { progress, head: concat(...parts) }
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
    if (token === 'ss' && this.#ss) return symmetric.mixKey(this.#ss())
    const own = token[this.#turn] === 'e' ? e : this.#s
    const theirs = token[1 - this.#turn] === 'e' ? re : rs
    symmetric.mixKey(dh(own!.secretKey, theirs!))
  }

  #commit(progress: Progress): void {
    this.#progress = progress
    this.#prepared = undefined
    this.#messageIndex++
  }
}
