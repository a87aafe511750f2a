/**
 * What a link is doing, as a pure function: every state × event is defined.
 *
 *             dial                 proven
 *   ┌──────┐ ──────▶ ┌─────────┐ ──────────┐
 *   │ idle │ redeemed┌─────────┐           ▼      lost
 *   │      │ ──────▶ │ ticket  │ ──────▶ ┌──────┐ ──────▶ idle
 *   └──────┘ called  ┌─────────┐         │ open │
 *      ▲    ──────▶  │ request │ ──────▶ └──────┘
 *      └──────────── └─────────┘
 *          failed                 closed, from anywhere, for good
 */

/** `idle`: no session. `pending`: dialling. `ticket`, `request`: being called, for the first time or again. `open`: a session with a proven peer. `closed`: for good. */
export type LinkState = 'idle' | 'pending' | 'ticket' | 'request' | 'open' | 'closed'

export type LinkEvent =
  /** Our own dial has begun. */
  | 'dial'
  /** The peer has redeemed our ticket and is not proven yet. */
  | 'redeemed'
  /** The peer is calling and not proven yet. */
  | 'called'
  /** A session is proven. */
  | 'proven'
  /** No attempt is under way any more, and none succeeded. */
  | 'failed'
  /** The last session ended. */
  | 'lost'
  /** The contact was forgotten, or the mesh is closed. */
  | 'closed'

/** Whichever attempt came first names the state; a second one beside it changes nothing. */
const begun = { dial: 'pending', redeemed: 'ticket', called: 'request' } as const

export function nextLinkState(state: LinkState, event: LinkEvent): LinkState {
  if (state === 'closed' || event === 'closed') return 'closed'
  if (event === 'proven') return 'open'
  if (state === 'open') return event === 'lost' ? 'idle' : 'open'
  if (event === 'failed') return 'idle'
  return state === 'idle' && event !== 'lost' ? begun[event] : state
}
