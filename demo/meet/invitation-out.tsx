/** An invitation that waits to be used: as a code, as a link, as plain text. */

import type { Mesh, Ticket } from 'handfast'
import { useState } from 'preact/hooks'
import { Copyable } from '../ui/copyable.tsx'
import { Icon } from '../ui/icon.tsx'
import { Modal } from '../ui/modal.tsx'
import { codeText, invitationLink, onLoopback, ownName, secondPersonLink } from '../page-address.ts'
import { greet } from '../people/names.ts'
import { QrCode } from './qr-code.tsx'
import { isOutOfReach } from './reach.ts'
import { ShareButton } from './share-button.tsx'
import { timeLeft } from '../ui/time-left.ts'
import { useSparseCountdown } from './use-sparse-countdown.ts'

interface InvitationOutProps {
  ticket: Ticket
  /** The ways by which it can be used at the moment. */
  paths: Mesh['signaling']
  msLeft: number
  otherName: string
  withdraw(): void
  another(): void
}

export function InvitationOut(props: InvitationOutProps) {
  const { ticket, paths, msLeft, otherName, withdraw, another } = props
  const [isLarge, setLarge] = useState(false)
  const link = invitationLink(ticket)
  const code = codeText(ticket)
  useSparseCountdown(msLeft, 'Your invitation')

  return (
    <div class="invitation-out">
      <div class="invitation-code">
        <QrCode text={code} label="Your invitation as a QR code" />
        <button type="button" class="button" onClick={() => setLarge(true)}>
          <Icon name="expand" />
          Show it large
        </button>
      </div>
      <div class="stack">
        {ticket.memo && <blockquote class="memo">{ticket.memo}</blockquote>}
        <p class="muted">
          For one person: whoever opens it first. Send it privately. Valid for another{' '}
          <span class="nowrap">
            <Countdown msLeft={msLeft} />.
          </span>
        </p>
        <p class="invitation-wait">
          <Icon name={canBeUsed(paths) ? 'here' : 'clock'} size={16} />
          <span>{waitWords(paths)}</span>
        </p>
        <Copyable label="Link" value={link} what="the invitation link">
          <ShareButton link={link} from={ownName} memo={ticket.memo} />
        </Copyable>
        {onLoopback && (
          <p class="hint muted">
            This page runs on this computer only, and so its link opens only here. Who has the page
            on another device scans the code there, with “Scan a code”.
          </p>
        )}
        <Copyable label="Ticket" value={ticket.toString()} what="the ticket" />
        <div class="actions">
          <a
            class="button primary"
            href={secondPersonLink(ticket, otherName)}
            target="_blank"
            rel="noopener"
            onClick={() => greet(otherName)}
          >
            <Icon name="tabs" />
            Open as “{otherName}” in a new tab
          </a>
          <button type="button" class="button" onClick={withdraw}>
            Withdraw
          </button>
          <button type="button" class="button plain" onClick={another}>
            Make another
          </button>
        </div>
      </div>
      {isLarge && (
        <Modal title="Scan to accept" full onClose={() => setLarge(false)}>
          {(close) => (
            <>
              <QrCode text={code} label="Your invitation as a large QR code" />
              <div class="actions">
                <p class="muted">
                  Valid for another <Countdown msLeft={msLeft} />
                </p>
                <button type="button" class="button" onClick={close}>
                  Close
                </button>
              </div>
            </>
          )}
        </Modal>
      )}
    </div>
  )
}

const hasRelay = (paths: Mesh['signaling']) => paths.some(({ path }) => path !== 'tabs')
const canBeUsed = (paths: Mesh['signaling']) => hasRelay(paths) && !isOutOfReach(paths)

function waitWords(paths: Mesh['signaling']): string {
  if (canBeUsed(paths)) return 'Waiting for whoever opens it. Leave this page open.'
  return hasRelay(paths)
    ? 'The relay is out of reach: till it is back, only tabs of this browser can use it.'
    : 'No relay is set: only tabs of this browser can use it.'
}

const Countdown = ({ msLeft }: { msLeft: number }) => (
  <time role="timer" class="countdown">
    {timeLeft(msLeft)}
  </time>
)
