/** The open page: who you are and whom you know on one side, on the other what you are about. */

import type { Identity, Mesh, PeerId } from 'handfast'
import { useAnnounce } from './ui/announcer.tsx'
import { ConversationPane } from './conversation/conversation-pane.tsx'
import { useAcceptance } from './meet/use-acceptance.ts'
import { useConversations } from './conversation/use-conversations.ts'
import { useFocusOnChange } from './ui/use-focus-on-change.ts'
import { useInvitation } from './meet/use-invitation.ts'
import { useMeshChanges } from './use-mesh-changes.ts'
import { keyOf, usePlace, type Place } from './use-place.ts'
import { KeysPane } from './keys/keys-pane.tsx'
import { LockedNote } from './keys/locked-note.tsx'
import { LogPane } from './log/log-pane.tsx'
import { PairingDialog } from './keys/pairing-dialog.tsx'
import { MeetPane } from './meet/meet-pane.tsx'
import { shortPeer } from './people/names.ts'
import { People } from './people/people.tsx'
import { PersonPane } from './people/person-pane.tsx'
import { RevokedNote } from './keys/revoked-note.tsx'
import { SignalingStatus } from './signaling-status.tsx'
import { StrangersPane } from './strangers/strangers-pane.tsx'
import { You } from './you.tsx'

export function Workspace({ mesh, identity }: { mesh: Mesh; identity: Identity }) {
  useMeshChanges(mesh)
  const announce = useAnnounce()
  const conversations = useConversations(mesh)
  const [wanted, go] = usePlace()

  const callPeer = (peer: PeerId) =>
    mesh.links.get(peer)?.name ?? conversations.claimedNameOf(peer) ?? shortPeer(peer)
  const openConversation = (peer: PeerId) => go({ at: 'conversation', peer })
  const meet = () => go({ at: 'meet' })
  const welcome = (peer: PeerId) => {
    announce(`You now have a link with ${callPeer(peer)}`)
    openConversation(peer)
  }
  const acceptanceControls = useAcceptance(mesh, welcome, meet)
  const { acceptance } = acceptanceControls
  const accepting = acceptance.step === 'dialling' ? acceptance.ticket.issuer : null
  const invitationControls = useInvitation(mesh, accepting, (peer) => {
    if (acceptance.step === 'paste') welcome(peer)
    else announce(`${callPeer(peer)} accepted your invitation`)
  })

  // Of somebody who has been forgotten there is nothing to show.
  const place: Place = 'peer' in wanted && !mesh.links.has(wanted.peer) ? { at: 'meet' } : wanted
  const link = 'peer' in place ? mesh.links.get(place.peer) : undefined
  const title = useFocusOnChange<HTMLHeadingElement>(
    place.at === 'meet' && acceptance.step !== 'paste' ? acceptance.step : keyOf(place),
  )
  const isAside = place.at !== 'meet' || acceptance.step !== 'paste'

  return (
    <>
      <LockedNote identity={identity} />
      {mesh.isRevoked && <RevokedNote />}
      {mesh.pairings[0] && <PairingDialog key={mesh.pairings[0].code} pairing={mesh.pairings[0]} />}
      <div class={isAside ? 'workspace sidebar-aside' : 'workspace'}>
        <div class="sidebar">
          <You peer={mesh.peer} place={place} go={go} />
          <People
            links={[...mesh.links.values()]}
            conversations={conversations}
            callPeer={callPeer}
            selected={link?.peer ?? null}
            isMeeting={place.at === 'meet'}
            select={openConversation}
            meet={meet}
          />
        </div>
        <main class="pane" aria-labelledby="pane-title">
          {link && place.at === 'conversation' && (
            <ConversationPane
              key={link.peer}
              link={link}
              called={callPeer(link.peer)}
              conversations={conversations}
              title={title}
              leave={meet}
              about={() => go({ at: 'person', peer: link.peer })}
            />
          )}
          {link && place.at === 'person' && (
            <PersonPane
              key={link.peer}
              mesh={mesh}
              link={link}
              called={callPeer(link.peer)}
              claimedName={conversations.claimedNameOf(link.peer)}
              title={title}
              leave={() => openConversation(link.peer)}
            />
          )}
          {place.at === 'keys' && (
            <KeysPane mesh={mesh} identity={identity} leave={meet} title={title} />
          )}
          {place.at === 'log' && (
            <LogPane mesh={mesh} callPeer={callPeer} leave={meet} title={title} />
          )}
          {place.at === 'strangers' && <StrangersPane mesh={mesh} leave={meet} title={title} />}
          {place.at === 'meet' && (
            <MeetPane
              mesh={mesh}
              acceptanceControls={acceptanceControls}
              invitationControls={invitationControls}
              callPeer={callPeer}
              knownNames={conversations.claimedNames()}
              select={openConversation}
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
