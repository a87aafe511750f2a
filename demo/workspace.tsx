/** The open page: who you are and whom you know on one side, on the other what you are about. */

import type { Identity, Mesh, PeerId } from 'handfast'
import { useEffect, useState } from 'preact/hooks'
import { useAnnounce } from './ui/announcer.tsx'
import { ConversationPane } from './conversation/conversation-pane.tsx'
import { useConversations } from './conversation/use-conversations.ts'
import { DiagnosticsDrawer } from './diagnostics/drawer.tsx'
import { RecoveryBar } from './diagnostics/recovery-bar.tsx'
import { TraceBook } from './diagnostics/trace-book.ts'
import { MeshPane } from './diagnostics/mesh-pane.tsx'
import { usePaths } from './diagnostics/use-paths.ts'
import { useDrawer } from './diagnostics/use-drawer.ts'
import { useAcceptance } from './meet/use-acceptance.ts'
import { keepFocus } from './ui/keep-focus.ts'
import { useFocusOnChange } from './ui/use-focus-on-change.ts'
import { useMedia } from './ui/use-media.ts'
import { useInvitation } from './meet/use-invitation.ts'
import { useMeshChanges } from './use-mesh-changes.ts'
import { keyOf, usePlace, type Place } from './use-place.ts'
import { Icon } from './ui/icon.tsx'
import { KeysPane } from './keys/keys-pane.tsx'
import { LockedNote } from './keys/locked-note.tsx'
import { LogPane } from './log/log-pane.tsx'
import { PairingDialog } from './keys/pairing-dialog.tsx'
import { MeetPane } from './meet/meet-pane.tsx'
import { shortPeer } from './people/names.ts'
import { People } from './people/people.tsx'
import { PathLine } from './diagnostics/path-line.tsx'
import { PersonHeader } from './people/person-header.tsx'
import { PersonPane } from './people/person-pane.tsx'
import { RevokedNote } from './keys/revoked-note.tsx'
import { RevokedPane } from './meet/revoked-pane.tsx'
import { RelayNote } from './settings/relay-note.tsx'
import { SettingsPane } from './settings/settings-pane.tsx'
import { SignalingStatus } from './signaling-status.tsx'
import { StrangersPane } from './strangers/strangers-pane.tsx'
import { TallyPane } from './wallet/tally-pane.tsx'
import { debtWith } from './wallet/entry-words.ts'
import { useWallet } from './wallet/use-wallet.ts'
import { waitingIn } from './wallet/waiting.ts'
import { WalletPane } from './wallet/wallet-pane.tsx'
import { PhoneBar, WalletWay, Ways } from './ways.tsx'
import { You } from './you.tsx'

export function Workspace({ mesh, identity }: { mesh: Mesh; identity: Identity }) {
  useMeshChanges(mesh)
  const announce = useAnnounce()
  const conversations = useConversations(mesh)
  const [wanted, go] = usePlace()
  const drawer = useDrawer()
  const paths = usePaths(mesh)
  const isPhone = useMedia('(width < 50em)')
  const [book] = useState(() => new TraceBook())
  useEffect(() => book.follow(mesh), [book, mesh])

  const callPeer = (peer: PeerId) =>
    mesh.links.get(peer)?.name ?? conversations.claimedNameOf(peer) ?? shortPeer(peer)
  const wallet = useWallet(mesh, identity, callPeer)
  const waitingWith = (peer: PeerId) =>
    waitingIn(wallet.of(peer).books, wallet.me, callPeer(peer)).length
  const waiting = [...mesh.links.keys()].reduce((sum, peer) => sum + waitingWith(peer), 0)
  const openConversation = (peer: PeerId) => go({ at: 'conversation', peer })
  const meet = () => go({ at: 'meet' })
  const leave = () => go({ at: 'people' })
  const leaveToMore = () => go({ at: 'more' })
  const welcome = (peer: PeerId) => {
    announce(`You now have a link with ${callPeer(peer)}`)
    openConversation(peer)
  }
  const acceptanceControls = useAcceptance(mesh, welcome, meet)
  const { acceptance } = acceptanceControls
  const invitationControls = useInvitation(mesh, (peer) => {
    if (acceptance.step === 'paste') welcome(peer)
    else announce(`${callPeer(peer)} accepted your invitation`)
  })

  // Of somebody who has been forgotten there is nothing to show.
  const place: Place = 'peer' in wanted && !mesh.links.has(wanted.peer) ? { at: 'meet' } : wanted
  const link = 'peer' in place ? mesh.links.get(place.peer) : undefined
  // On phones, two places are the sidebar's; elsewhere it is always there, beside the way to meet.
  const isInSidebar = place.at === 'people' || place.at === 'more'
  const isMeeting = place.at === 'meet' || isInSidebar
  const title = useFocusOnChange<HTMLHeadingElement>(
    isMeeting && acceptance.step !== 'paste' ? acceptance.step : (link?.peer ?? keyOf(place)),
  )
  // From one view of somebody to another the focus stays, unless what had it is gone.
  useEffect(() => keepFocus(title.current), [keyOf(place), mesh.isRevoked])

  return (
    <>
      <LockedNote identity={identity} />
      {mesh.isRevoked && <RevokedNote />}
      {mesh.pairings[0] && <PairingDialog key={mesh.pairings[0].code} pairing={mesh.pairings[0]} />}
      <div class={`workspace at-${place.at}`}>
        <div class="sidebar" role={isInSidebar && isPhone ? 'main' : undefined}>
          <You peer={mesh.peer} />
          <WalletWay place={place} waiting={waiting} go={go} />
          <People
            links={[...mesh.links.values()]}
            unreadOf={(peer) => conversations.of(peer).unread}
            callPeer={callPeer}
            selected={link?.peer ?? null}
            isMeeting={place.at === 'meet'}
            select={openConversation}
            meet={meet}
          />
          <Ways place={place} go={go} />
        </div>
        <main class="pane" aria-labelledby="pane-title">
          {link && 'peer' in place && (
            <PersonHeader
              key={link.peer}
              link={link}
              called={callPeer(link.peer)}
              view={place.at}
              waiting={waitingWith(link.peer)}
              isRevoked={mesh.isRevoked}
              path={<PathLine link={link} />}
              show={(view) => go({ at: view, peer: link.peer })}
              leave={leave}
              title={title}
            />
          )}
          {link && place.at === 'conversation' && (
            <ConversationPane
              key={link.peer}
              link={link}
              called={callPeer(link.peer)}
              conversations={conversations}
              about={() => go({ at: 'person', peer: link.peer })}
              isRevoked={mesh.isRevoked}
            />
          )}
          {link && place.at === 'tally' && (
            <fieldset class="whole" disabled={mesh.isRevoked}>
              <TallyPane key={link.peer} wallet={wallet} link={link} called={callPeer(link.peer)} />
            </fieldset>
          )}
          {link && place.at === 'person' && (
            <fieldset class="whole" disabled={mesh.isRevoked}>
              <PersonPane
                key={link.peer}
                mesh={mesh}
                link={link}
                called={callPeer(link.peer)}
                claimedName={conversations.claimedNameOf(link.peer)}
                debt={debtWith(wallet.of(link.peer).books, mesh.peer, callPeer(link.peer))}
              />
            </fieldset>
          )}
          {place.at === 'wallet' && (
            <WalletPane
              mesh={mesh}
              wallet={wallet}
              callPeer={callPeer}
              go={go}
              leave={leave}
              title={title}
            />
          )}
          {place.at === 'keys' && (
            <KeysPane mesh={mesh} identity={identity} leave={leaveToMore} title={title} />
          )}
          {place.at === 'log' && (
            <LogPane
              mesh={mesh}
              callPeer={callPeer}
              leave={leaveToMore}
              diagnose={drawer.open}
              title={title}
            />
          )}
          {place.at === 'strangers' &&
            (mesh.isRevoked ? (
              <RevokedPane title={title} />
            ) : (
              <StrangersPane mesh={mesh} leave={leaveToMore} title={title} />
            ))}
          {place.at === 'mesh' && (
            <MeshPane mesh={mesh} callPeer={callPeer} go={go} leave={leaveToMore} title={title} />
          )}
          {place.at === 'settings' && <SettingsPane leave={leaveToMore} title={title} />}
          {isMeeting && acceptance.step === 'paste' && !mesh.isRevoked && (
            <RelayNote mesh={mesh} openSettings={() => go({ at: 'settings' })} />
          )}
          {isMeeting && (
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
        paths={paths}
        isNeeded={
          mesh.links.size > 0 ||
          acceptance.step === 'dialling' ||
          invitationControls.invitation.step === 'out'
        }
      >
        <button
          type="button"
          class="button plain diagnostics-button"
          aria-expanded={drawer.isOpen}
          aria-keyshortcuts="Control+."
          onClick={drawer.toggle}
        >
          <Icon name="pulse" />
          Diagnostics
        </button>
      </SignalingStatus>
      <RecoveryBar mesh={mesh} callPeer={callPeer} />
      {!link && <PhoneBar place={place} waiting={waiting} go={go} />}
      {drawer.isOpen && (
        <DiagnosticsDrawer
          mesh={mesh}
          book={book}
          callPeer={callPeer}
          peer={link?.peer ?? null}
          close={drawer.close}
        />
      )}
    </>
  )
}
