/** Where a link begins: hand out an invitation, or accept one. */

import type { Mesh, PeerId } from 'handfast'
import type { RefObject } from 'preact'
import { useState } from 'preact/hooks'
import { AcceptForm } from './accept-form.tsx'
import { AcceptQuestion } from './accept-question.tsx'
import type { AcceptanceControls } from './use-acceptance.ts'
import { FirstSteps } from './first-steps.tsx'
import type { InvitationControls } from './use-invitation.ts'
import { InviteCard } from './invite-card.tsx'
import { isOutOfReach } from './reach.ts'
import { RevokedPane } from './revoked-pane.tsx'
import { Tie } from '../ui/tie.tsx'

interface MeetPaneProps {
  mesh: Mesh
  acceptanceControls: AcceptanceControls
  invitationControls: InvitationControls
  callPeer(peer: PeerId): string
  knownNames: readonly string[]
  select(peer: PeerId): void
  title: RefObject<HTMLHeadingElement | null>
}

export function MeetPane(props: MeetPaneProps) {
  const { mesh, acceptanceControls, invitationControls, callPeer, knownNames, select, title } =
    props
  const { acceptance } = acceptanceControls
  // To the end of this visit: nothing jumps the moment that the first one comes.
  const [isFirst] = useState(mesh.links.size === 0)

  const leaveFor = (peer: PeerId) => {
    acceptanceControls.back()
    select(peer)
  }

  if (mesh.isRevoked) return <RevokedPane title={title} />
  if (acceptance.step !== 'paste') {
    const { issuer } = acceptance.ticket
    return (
      <AcceptQuestion
        self={mesh.peer}
        acceptance={acceptance}
        accept={acceptanceControls.accept}
        back={acceptanceControls.back}
        issuerName={callPeer(issuer)}
        openConversation={mesh.links.has(issuer) ? () => leaveFor(issuer) : null}
        isOutOfReach={isOutOfReach(mesh.signaling)}
        title={title}
      />
    )
  }
  return (
    <>
      <div class="pane-intro">
        <Tie from={mesh.peer} to={null} cord="loose" />
        <h2 id="pane-title" ref={title} tabIndex={-1}>
          Meet someone
        </h2>
        <p class="lead">
          Hand somebody an invitation, once. From then on your two browsers find and recognise each
          other by key, and talk directly: no account, and no server that could read along.
        </p>
      </div>
      {isFirst && <FirstSteps />}
      <div class="meet">
        <InviteCard
          mesh={mesh}
          controls={invitationControls}
          callPeer={callPeer}
          knownNames={knownNames}
        />
        <AcceptForm
          problem={acceptance.problem}
          examine={acceptanceControls.examine}
          read={acceptanceControls.read}
          dismiss={acceptanceControls.dismiss}
        />
      </div>
    </>
  )
}
