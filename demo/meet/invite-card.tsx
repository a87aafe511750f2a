/** Making an invitation, holding it out, and what became of it. */

import type { Mesh, PeerId } from 'handfast'
import { useEffect, useRef, useState } from 'preact/hooks'
import { useAnnounce } from '../ui/announcer.tsx'
import type { Invitation, InvitationControls } from './use-invitation.ts'
import { Icon, type IconName } from '../ui/icon.tsx'
import { InvitationOut } from './invitation-out.tsx'
import { InviteForm } from './invite-form.tsx'
import { OpenInvitations } from './open-invitations.tsx'
import { friendlyName } from '../people/names.ts'
import { ownName } from '../page-address.ts'

interface InviteCardProps {
  mesh: Mesh
  controls: InvitationControls
  callPeer(peer: PeerId): string
  knownNames: readonly string[]
}

interface End {
  icon: IconName
  title: string
  text: string
}

function endOf(invitation: Invitation, callPeer: (peer: PeerId) => string): End | null {
  switch (invitation.step) {
    case 'used':
      return {
        icon: 'check',
        title: `${callPeer(invitation.by)} accepted`,
        text: 'That invitation is used up now; nobody else can use it.',
      }
    case 'expired':
      return {
        icon: 'clock',
        title: 'The invitation has expired',
        text: 'Nobody used it in time, and nobody can any more. Make a new one.',
      }
    case 'withdrawn':
      return {
        icon: 'cross',
        title: 'Invitation withdrawn',
        text: 'The link and the code no longer work.',
      }
    default:
      return null
  }
}

export function InviteCard({ mesh, controls, callPeer, knownNames }: InviteCardProps) {
  const { invitation } = controls
  const [otherName] = useState(() => friendlyName([ownName, ...knownNames]))
  const end = endOf(invitation, callPeer)
  const isOut = invitation.step === 'out'
  const step = invitation.step === 'making' ? 'none' : invitation.step
  const { card, title } = useTitleOnChange(step, end?.title)

  return (
    <section
      ref={card}
      class={end ? 'card ended' : isOut ? 'card invitation' : 'card'}
      aria-labelledby="invite-title"
    >
      {end && (
        <span class="ended-icon">
          <Icon name={end.icon} size={28} />
        </span>
      )}
      <h3 id="invite-title" ref={title} tabIndex={-1}>
        {end ? end.title : isOut ? 'Your invitation' : 'Invite someone'}
      </h3>
      {isOut && (
        <InvitationOut
          ticket={invitation.ticket}
          paths={mesh.signaling}
          msLeft={invitation.msLeft}
          otherName={otherName}
          withdraw={() => controls.withdraw(invitation.ticket)}
          another={controls.clear}
        />
      )}
      {end && (
        <>
          <p class="muted">{end.text}</p>
          <div class="actions">
            <button type="button" class="button primary" onClick={controls.clear}>
              New invitation
            </button>
          </div>
        </>
      )}
      {step === 'none' && (
        <>
          <InviteForm controls={controls} otherName={otherName} />
          <OpenInvitations mesh={mesh} controls={controls} />
        </>
      )}
    </section>
  )
}

/** Whoever works elsewhere on the page is told of an end; whoever works here goes to the title of what is here now. */
function useTitleOnChange(step: string, end: string | undefined) {
  const card = useRef<HTMLElement>(null)
  const title = useRef<HTMLHeadingElement>(null)
  const shown = useRef(step)
  const announce = useAnnounce()
  useEffect(() => {
    if (shown.current === step) return
    shown.current = step
    const { activeElement } = document
    const isHere = activeElement === document.body || card.current?.contains(activeElement)
    if (isHere) title.current?.focus()
    else if (end) announce(end)
  }, [step])
  return { card, title }
}
