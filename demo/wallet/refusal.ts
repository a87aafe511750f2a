/** Why an entry is not taken into the books, one's own or a partner's. */

export type RefusalCode =
  /** Not an entry, or not in the one form that it may have. */
  | 'malformed'
  /** Of a kind that this version does not know, and so can't say what it comes to. */
  | 'newer'
  /** Of a kind that the partner's version does not know. */
  | 'older'
  /** Signed by, or meant for, somebody else. */
  | 'wrong-party'
  /** Entries before it, of either side, are missing here. */
  | 'hole'
  /** Another one has this number, or the one before it is another: its signer has said two things. */
  | 'fork'
  /** Not possible as things stood for its signer: an answer to an offer that is not open, and the like. */
  | 'wrong-order'
  /** About a tally that is not the open one. */
  | 'wrong-tally'
  /** The signer would owe more than agreed. */
  | 'over-limit'
  /** A request that does not wait, or with another amount. */
  | 'not-pending'
  /** The signer has asked to close the tally, and waits for the answer. */
  | 'closing'
  /** A tally can be closed only when nobody owes anything and no request waits. */
  | 'not-settled'
  /** Too much of one's own waits for the other side. */
  | 'full'
  /** The books have no room for another entry of this side. */
  | 'no-room'
  /** Nothing was heard of the other side's books yet: what one signed before on another device may be in them. */
  | 'not-compared'

export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: RefusalCode

  constructor(code: RefusalCode, message: string = code) {
    super(message)
    this.code = code
  }
}
