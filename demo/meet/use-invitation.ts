/** The invitation that this tab holds out, from its making until it is used, withdrawn or expired. */

import type { InviteOptions, Mesh, PeerId, Ticket } from 'handfast'
import { useEffect, useRef, useState } from 'preact/hooks'
import { explain, type Problem } from '../ui/problems.ts'
import { useNow } from '../ui/use-now.ts'

/** Tabs of one person hear of what another one did a moment later. */
const hearsayMs = 3000

export type Invitation =
  | { step: 'none'; problem?: Problem }
  | { step: 'making' }
  | { step: 'out'; ticket: Ticket; msLeft: number }
  | { step: 'used'; by: PeerId }
  | { step: 'expired' }
  | { step: 'withdrawn' }

export interface InvitationControls {
  invitation: Invitation
  make(options: InviteOptions): Promise<Ticket | null>
  /** Holds out one that was made before. */
  show(ticket: Ticket): void
  withdraw(ticket: Ticket): void
  /** To make another; one that is out stays good. */
  clear(): void
}

type State = Exclude<Invitation, { step: 'out' }> | { step: 'out'; ticket: Ticket }

export function useInvitation(mesh: Mesh, onUsed: (by: PeerId) => void): InvitationControls {
  const [state, setState] = useState<State>({ step: 'none' })
  const now = useNow(state.step === 'out')
  const msLeft = state.step === 'out' ? state.ticket.expiresAt.getTime() - now : 0
  /** Who has used a ticket of ours last, and since when the one that is out is gone. */
  const user = useRef<PeerId>(undefined)
  const goneAtMs = useRef<number>(undefined)
  const wasListed = useRef(false)

  const holdOut = (ticket: Ticket) => {
    user.current = goneAtMs.current = undefined
    wasListed.current = false
    setState({ step: 'out', ticket })
  }

  // Whether it can still be used, its list says; by whom it was, the log.
  const look = () => {
    if (state.step !== 'out') return
    if (mesh.tickets.some((ticket) => String(ticket) === String(state.ticket))) {
      wasListed.current = true
    } else if (user.current) {
      setState({ step: 'used', by: user.current })
      onUsed(user.current)
    } else if (wasListed.current && msLeft > 0) {
      goneAtMs.current ??= now
      if (now - goneAtMs.current >= hearsayMs) setState({ step: 'withdrawn' })
    }
  }
  const looking = useRef(look)
  looking.current = look

  useEffect(
    () =>
      mesh.on('security', ({ kind, peer }) => {
        if (kind !== 'ticket-redeemed') return
        user.current = peer
        looking.current()
      }),
    [mesh],
  )
  useEffect(() => {
    looking.current()
    if (state.step === 'out' && msLeft <= 0) setState({ step: 'expired' })
  }, [state, msLeft])

  return {
    invitation: state.step === 'out' ? { ...state, msLeft } : state,
    async make(options) {
      setState({ step: 'making' })
      try {
        const ticket = await mesh.invite(options)
        holdOut(ticket)
        return ticket
      } catch (error) {
        setState({ step: 'none', problem: explain(error) })
        return null
      }
    },
    show: holdOut,
    withdraw(ticket) {
      if (state.step === 'out') setState({ step: 'withdrawn' })
      void mesh.withdraw(ticket)
    },
    clear: () => setState({ step: 'none' }),
  }
}
