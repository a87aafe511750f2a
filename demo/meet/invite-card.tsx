/** Making an invitation, holding it out, and what became of it. */

import type { PeerId } from 'handfast'
import { useState } from 'preact/hooks'
import { useFocusOnChange } from '../ui/use-focus-on-change.ts'
import type { InvitationControls } from './use-invitation.ts'
import { Icon } from '../ui/icon.tsx'
import { InvitationOut } from './invitation-out.tsx'
import { InviteForm } from './invite-form.tsx'
import { friendlyName } from '../people/names.ts'
import { ownName } from '../page-address.ts'

interface InviteCardProps {
  controls: InvitationControls
  callPeer(peer: PeerId): string
  knownNames: readonly string[]
}

export function InviteCard({ controls, callPeer, knownNames }: InviteCardProps) {
  const { invitation } = controls
  const [otherName] = useState(() => friendlyName([ownName, ...knownNames]))
  const step = invitation.step === 'making' ? 'none' : invitation.step
  const title = useFocusOnChange<HTMLHeadingElement>(step)

  const ended = {
    used: () => ({
      icon: 'check' as const,
      title: invitation.step === 'used' ? `${callPeer(invitation.by)} accepted` : '',
      text: 'That invitation is used up now; nobody else can use it.',
    }),
    expired: () => ({
      icon: 'clock' as const,
      title: 'The invitation has expired',
      text: 'Nobody used it in time, and nobody can any more.',
    }),
    withdrawn: () => ({
      icon: 'cross' as const,
      title: 'Invitation withdrawn',
      text: 'The link and the code no longer work.',
    }),
  }

  if (step === 'none') {
    return (
      <section class="card" aria-labelledby="invite-title">
        <h3 id="invite-title" ref={title} tabIndex={-1}>
          Invite someone
        </h3>
        <InviteForm controls={controls} otherName={otherName} />
      </section>
    )
  }
  if (invitation.step === 'out') {
    return (
      <section class="card invitation" aria-labelledby="invite-title">
        <h3 id="invite-title" ref={title} tabIndex={-1}>
          Your invitation
        </h3>
        <InvitationOut
          ticket={invitation.ticket}
          msLeft={invitation.msLeft}
          otherName={otherName}
          withdraw={controls.withdraw}
        />
      </section>
    )
  }
  const end = ended[step as keyof typeof ended]()
  return (
    <section class="card ended" aria-labelledby="invite-title">
      <span class="ended-icon">
        <Icon name={end.icon} size={28} />
      </span>
      <h3 id="invite-title" ref={title} tabIndex={-1}>
        {end.title}
      </h3>
      <p class="muted">{end.text}</p>
      <div class="actions">
        <button type="button" class="button primary" onClick={controls.clear}>
          New invitation
        </button>
      </div>
    </section>
  )
}
