/** The open page: who you are and whom you know on one side, on the other a conversation or the way to meet someone. */

import type { Mesh, PeerId } from 'handfast'
import { useAnnounce } from './announcer.tsx'
import { ConversationPane } from './conversation-pane.tsx'
import { useAcceptance } from './hooks/use-acceptance.ts'
import { useConversations } from './hooks/use-conversations.ts'
import { useFocusOnChange } from './hooks/use-focus-on-change.ts'
import { useInvitation } from './hooks/use-invitation.ts'
import { useMeshChanges } from './hooks/use-mesh-changes.ts'
import { useSelection } from './hooks/use-selection.ts'
import { MeetPane } from './meet-pane.tsx'
import { shortPeer } from './names.ts'
import { People } from './people.tsx'
import { SignalingStatus } from './signaling-status.tsx'
import { You } from './you.tsx'

export function Workspace({ mesh }: { mesh: Mesh }) {
  useMeshChanges(mesh)
  const announce = useAnnounce()
  const conversations = useConversations(mesh)
  const [selectedPeer, select] = useSelection()

  const callPeer = (peer: PeerId) => conversations.nameOf(peer) ?? shortPeer(peer)
  const welcome = (peer: PeerId) => {
    announce(`You now have a link with ${callPeer(peer)}`)
    select(peer)
  }
  const acceptanceControls = useAcceptance(mesh, welcome)
  const { acceptance } = acceptanceControls
  const accepting = acceptance.step === 'dialling' ? acceptance.ticket.issuer : null
  const invitationControls = useInvitation(mesh, accepting, (peer) => {
    if (acceptance.step === 'paste') welcome(peer)
    else announce(`${callPeer(peer)} accepted your invitation`)
  })

  const link = selectedPeer === null ? undefined : mesh.links.get(selectedPeer)
  const title = useFocusOnChange<HTMLHeadingElement>(
    link?.peer ?? (acceptance.step === 'paste' ? 'meet' : acceptance.step),
  )

  return (
    <>
      <div class={link || acceptance.step !== 'paste' ? 'workspace sidebar-aside' : 'workspace'}>
        <div class="sidebar">
          <You peer={mesh.peer} />
          <People
            links={[...mesh.links.values()]}
            conversations={conversations}
            selected={link?.peer ?? null}
            select={select}
          />
        </div>
        <main class="pane" aria-labelledby="pane-title">
          {link ? (
            <ConversationPane
              key={link.peer}
              mesh={mesh}
              link={link}
              conversations={conversations}
              title={title}
              leave={() => select(null)}
            />
          ) : (
            <MeetPane
              mesh={mesh}
              acceptanceControls={acceptanceControls}
              invitationControls={invitationControls}
              callPeer={callPeer}
              knownNames={conversations.knownNames()}
              select={select}
              title={title}
            />
          )}
        </main>
      </div>
      <SignalingStatus
        paths={mesh.signaling}
        isNeeded={
          mesh.links.size > 0 ||
          acceptance.step === 'dialling' ||
          invitationControls.invitation.step === 'out'
        }
      />
    </>
  )
}
