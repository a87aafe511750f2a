/**
 * What a link is doing, as a pure table: every state × event is defined.
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

type Row = Record<LinkEvent, LinkState>

const closed: Row = {
  dial: 'closed',
  redeemed: 'closed',
  called: 'closed',
  proven: 'closed',
  failed: 'closed',
  lost: 'closed',
  closed: 'closed',
}

/** Whichever attempt came first names the state; a second one beside it changes nothing. */
const attempting = (state: 'pending' | 'ticket' | 'request'): Row => ({
  dial: state,
  redeemed: state,
  called: state,
  proven: 'open',
  failed: 'idle',
  lost: state,
  closed: 'closed',
})

const table: Record<LinkState, Row> = {
  idle: {
    dial: 'pending',
    redeemed: 'ticket',
    called: 'request',
    proven: 'open',
    failed: 'idle',
    lost: 'idle',
    closed: 'closed',
  },
  pending: attempting('pending'),
  ticket: attempting('ticket'),
  request: attempting('request'),
  open: {
    dial: 'open',
    redeemed: 'open',
    called: 'open',
    proven: 'open',
    failed: 'open',
    lost: 'idle',
    closed: 'closed',
  },
  closed,
}

export const nextLinkState = (state: LinkState, event: LinkEvent): LinkState => table[state][event]
