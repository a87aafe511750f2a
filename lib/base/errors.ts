/**
 * The one error class of the library. Callers branch on `code`, never on `message`.
 * What a stranger sends never surfaces as an error: it is dropped in silence.
 */

/** What went wrong, to branch on. The set is closed: a new one is a new version. */
export type ErrorCode =
  /** An argument has the wrong type, size or range. */
  | 'invalid-argument'
  /** The platform lacks something needed: WebAssembly, WebRTC, IndexedDB, WebSocket. */
  | 'unsupported'
  /** Bytes are not the CBOR that this library accepts. */
  | 'bad-encoding'
  /** Something exceeds a limit of `limits.ts`. */
  | 'too-large'
  /** A public key is malformed, of small or mixed order, or a shared secret would be zero. */
  | 'bad-key'
  /** A signature does not verify, or is by another key. */
  | 'bad-signature'
  /** A chain of certificates is malformed, forged, of another device, outside its dates, or does not allow what it is used for. */
  | 'bad-certificate'
  /** Authentication of a ciphertext failed; nothing changed. */
  | 'decrypt-failed'
  /** A handshake or cipher state was used out of order or without a key. */
  | 'wrong-phase'
  /** A counter reached its end. */
  | 'exhausted'
  /** Not a ticket, forged, or not for what it is used for. */
  | 'bad-ticket'
  /** The ticket's time is over: ask for a new one. */
  | 'ticket-expired'
  /** The ticket names another party, or is one's own. */
  | 'ticket-wrong-party'
  /** No use of the ticket is left. */
  | 'ticket-spent'
  /** An address card is malformed, forged, older than the one that is known, or of nobody known. */
  | 'bad-card'
  /** Not an address, forged, or not to be used any more by its certificate. */
  | 'bad-address'
  /** The address is too old: look for a newer one. */
  | 'address-expired'
  /** What was handed over as a packet is none. */
  | 'bad-packet'
  /** An offer, answer or candidate does not parse. */
  | 'bad-description'
  /** No signaling path accepted the packet in time. */
  | 'signaling-unavailable'
  /** The peer connection could not be made or failed. */
  | 'transport-failed'
  /** An authenticated peer broke the protocol; the session ends, the link stays. */
  | 'protocol'
  /** A bound of `limits.ts` is reached: nothing was accepted; try again when something has left. */
  | 'queue-full'
  /** The other side did not answer in time: it is away, or does not want to. */
  | 'timeout'
  /** The object was closed. */
  | 'closed'
  /** The session ended before a request was answered or a stream was finished. */
  | 'interrupted'
  /** The peer has no handler for that method or stream name. */
  | 'no-handler'
  /** The peer's handler threw. */
  | 'request-failed'
  /** The database failed or is full: see `docs/storage.md`. */
  | 'storage-failed'
  /** Another tab keeps the database from being opened or erased. */
  | 'storage-blocked'
  /** This `Identity` is in another mesh already. */
  | 'identity-in-use'
  /** Messages of the peer are missing here: this storage, or the peer's, was set back. */
  | 'gap'
  /** This storage was set back or copied: messages the peer has had may reach it again. */
  | 'rollback'
  /** Another tab has taken the lead: what this one wanted to write was not written. */
  | 'not-leading'
  /** The peer has not granted what this takes: it was not handed to anybody there; or this device may not do it. */
  | 'forbidden'
  /** The root of the identity is not kept here. */
  | 'no-root'
  /** Not 24 recovery words, or their checksum is wrong. */
  | 'bad-words'
  /** A backup file is damaged, or holds no backup. */
  | 'bad-backup'
  /** The passphrase does not open it. */
  | 'wrong-passphrase'
  /** The identity is locked: what needs its keys has to wait for `unlock`. */
  | 'locked'
  /** The certificate of this device has expired: the root has to renew it. */
  | 'certificate-expired'
  /** The person at the other device has turned this one away. */
  | 'refused'
  /** There is an identity of that name here already. */
  | 'identity-exists'
  /** One has cut off that contact, for good. */
  | 'cut-off'
  /** This device was revoked by its identity. */
  | 'revoked'

/** What every failure of the library is. Branch on `code`; `message` is for people, and `cause` holds what was behind it, where there is anything. */
export class HandfastError extends Error {
  /** `HandfastError`. */
  override readonly name = 'HandfastError'
  /** What went wrong. */
  readonly code: ErrorCode

  /** `message` is for a developer to read; what only ever meets silence has none of its own. */
  constructor(code: ErrorCode, message: string = code, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Another tab leads. */
export const isNotLeading = (error: unknown): boolean =>
  error instanceof HandfastError && error.code === 'not-leading'

/** What `run` returns; whatever it throws becomes an error of that code. */
export function failAs<T>(code: ErrorCode, run: () => T, message?: string): T {
  try {
    return run()
  } catch (cause) {
    throw new HandfastError(code, message, { cause })
  }
}
