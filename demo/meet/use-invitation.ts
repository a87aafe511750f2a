/** The invitation that this tab holds out, from its making until it is used, withdrawn or expired. */

import type { Mesh, PeerId, Ticket } from 'handfast'
import { useEffect, useState } from 'preact/hooks'
import { explain, type Problem } from '../ui/problems.ts'
import { useNow } from '../ui/use-now.ts'

export type Invitation =
  | { step: 'none'; problem?: Problem }
  | { step: 'making' }
  | { step: 'out'; ticket: Ticket; msLeft: number }
  | { step: 'used'; by: PeerId }
  | { step: 'expired' }
  | { step: 'withdrawn' }

export interface InvitationControls {
  invitation: Invitation
  make(options: { memo: string; expiresInMs: number }): Promise<Ticket | null>
  withdraw(): void
  clear(): void
}

/** `accepting`: the issuer whose invitation this tab is accepting; a link to them is not a use of ours. */
export function useInvitation(
  mesh: Mesh,
  accepting: PeerId | null,
  onUsed: (by: PeerId) => void,
): InvitationControls {
  const [state, setState] = useState<
    Exclude<Invitation, { step: 'out' }> | { step: 'out'; ticket: Ticket }
  >({ step: 'none' })
  const now = useNow(state.step === 'out')
  const msLeft = state.step === 'out' ? state.ticket.expiresAt.getTime() - now : 0

  useEffect(() => {
    if (state.step !== 'out') return
    return mesh.on('link', ({ peer }) => {
      if (peer === accepting) return
      setState({ step: 'used', by: peer })
      onUsed(peer)
    })
  }, [mesh, state, accepting, onUsed])

  useEffect(() => {
    if (state.step === 'out' && msLeft <= 0) setState({ step: 'expired' })
  }, [state, msLeft])

  return {
    invitation: state.step === 'out' ? { ...state, msLeft } : state,
    async make({ memo, expiresInMs }) {
      setState({ step: 'making' })
      try {
        const ticket = await mesh.invite({ expiresInMs, ...(memo && { memo }) })
        setState({ step: 'out', ticket })
        return ticket
      } catch (error) {
        setState({ step: 'none', problem: explain(error) })
        return null
      }
    },
    withdraw() {
      if (state.step !== 'out') return
      setState({ step: 'withdrawn' })
      void mesh.withdraw(state.ticket)
    },
    clear: () => setState({ step: 'none' }),
  }
}
