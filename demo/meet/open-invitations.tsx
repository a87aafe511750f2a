/** Invitations that were made before, here or in another tab, and that can still be used. */

import type { Mesh } from 'handfast'
import { useAnnounce } from '../ui/announcer.tsx'
import { devicePurpose } from '../page-address.ts'
import { timeLeft } from '../ui/time-left.ts'
import { useNow } from '../ui/use-now.ts'
import type { InvitationControls } from './use-invitation.ts'

export function OpenInvitations({ mesh, controls }: { mesh: Mesh; controls: InvitationControls }) {
  const announce = useAnnounce()
  const now = useNow(true)
  const open = mesh.tickets.filter(
    ({ purpose, expiresAt }) => purpose !== devicePurpose && expiresAt.getTime() > now,
  )
  if (open.length === 0) return null
  return (
    <section class="still-open" aria-labelledby="still-open-title">
      <h4 id="still-open-title">Still open</h4>
      <ul>
        {open.map((ticket) => (
          <li key={String(ticket)}>
            <span>
              {ticket.memo ? <q>{ticket.memo}</q> : 'Without a note'}
              <span class="muted"> for another {timeLeft(ticket.expiresAt.getTime() - now)}</span>
            </span>
            <span class="actions">
              <button type="button" class="button" onClick={() => controls.show(ticket)}>
                Show
              </button>
              <button
                type="button"
                class="button plain"
                onClick={() => {
                  controls.withdraw(ticket)
                  announce('Invitation withdrawn')
                }}
              >
                Withdraw
              </button>
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}
