import { describe, expect, test } from 'vitest'
import { nextLinkState, type LinkEvent, type LinkState } from '../../../lib/link/state.ts'

const events: LinkEvent[] = ['dial', 'redeemed', 'called', 'proven', 'failed', 'lost', 'closed']

const rows: Record<LinkState, LinkState[]> = {
  //        dial       redeemed   called     proven    failed    lost       closed
  idle: ['pending', 'ticket', 'request', 'open', 'idle', 'idle', 'closed'],
  pending: ['pending', 'pending', 'pending', 'open', 'idle', 'pending', 'closed'],
  ticket: ['ticket', 'ticket', 'ticket', 'open', 'idle', 'ticket', 'closed'],
  request: ['request', 'request', 'request', 'open', 'idle', 'request', 'closed'],
  open: ['open', 'open', 'open', 'open', 'open', 'idle', 'closed'],
  closed: ['closed', 'closed', 'closed', 'closed', 'closed', 'closed', 'closed'],
}

describe('the state of a link', () => {
  for (const [state, row] of Object.entries(rows) as [LinkState, LinkState[]][]) {
    test.each(events.map((event, i) => [event, row[i]!] as const))(
      `${state} and %s: %s`,
      (event, next) => expect(nextLinkState(state, event)).toBe(next),
    )
  }
})
