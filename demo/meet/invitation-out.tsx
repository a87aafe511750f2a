/** An invitation that waits to be used: as a code, as a link, as plain text. */

import type { Ticket } from 'handfast'
import { Copyable } from '../ui/copyable.tsx'
import { Icon } from '../ui/icon.tsx'
import { invitationLink, onLoopback, secondPersonLink } from '../page-address.ts'
import { QrCode } from './qr-code.tsx'
import { timeLeft } from '../ui/time-left.ts'

interface InvitationOutProps {
  ticket: Ticket
  msLeft: number
  otherName: string
  withdraw(): void
}

export function InvitationOut({ ticket, msLeft, otherName, withdraw }: InvitationOutProps) {
  const link = invitationLink(ticket)

  const share = async () => {
    try {
      await navigator.share({ title: 'Handfast invitation', url: link })
    } catch {
      // Closing the share sheet is no error.
    }
  }

  return (
    <div class="invitation-out">
      <QrCode text={ticket.toQRText()} label="Your invitation as a QR code" />
      <div class="stack">
        {ticket.memo && <blockquote class="memo">{ticket.memo}</blockquote>}
        <p class="muted">
          For one person: whoever opens it first. Send it privately.{' '}
          <span class="nowrap">
            Valid for another{' '}
            <time role="timer" class="countdown">
              {timeLeft(msLeft)}
            </time>
            .
          </span>
        </p>
        <Copyable label="Link" value={link} what="the invitation link">
          {'share' in navigator && (
            <button type="button" class="button" onClick={share}>
              <Icon name="share" />
              Share
            </button>
          )}
        </Copyable>
        {onLoopback && (
          <p class="hint muted">
            This page runs on this computer only, so the link opens only here.
          </p>
        )}
        <Copyable label="Ticket" value={ticket.toString()} what="the ticket" />
        <div class="actions">
          <a
            class="button primary"
            href={secondPersonLink(ticket, otherName)}
            target="_blank"
            rel="noopener"
          >
            <Icon name="tabs" />
            Open as “{otherName}” in a new tab
          </a>
          <button type="button" class="button" onClick={withdraw}>
            Withdraw
          </button>
        </div>
      </div>
    </div>
  )
}
