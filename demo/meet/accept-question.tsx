/** Who is inviting, what they say, and whether to accept; then the wait until they answer. */

import type { PeerId } from 'handfast'
import type { RefObject } from 'preact'
import { acceptTimeoutMs, type Acceptance } from './use-acceptance.ts'
import { OtherPersons } from './other-persons.tsx'
import { relays } from '../page-address.ts'
import { useNow } from '../ui/use-now.ts'
import { shortPeer } from '../people/names.ts'
import { ProblemNote } from '../ui/problem-note.tsx'
import { expiredTicket } from '../ui/problems.ts'
import { timeLeft } from '../ui/time-left.ts'
import { Tie } from '../ui/tie.tsx'

const list = new Intl.ListFormat('en', { type: 'conjunction' })

/** Whoever is there answers sooner. */
const usualMs = 8000

interface AcceptQuestionProps {
  self: PeerId
  acceptance: Exclude<Acceptance, { step: 'paste' }>
  accept(): void
  back(): void
  issuerName: string
  /** For somebody known already. */
  openConversation: (() => void) | null
  /** No relay answers. */
  isOutOfReach: boolean
  title: RefObject<HTMLHeadingElement | null>
}

export function AcceptQuestion(props: AcceptQuestionProps) {
  const { self, acceptance, accept, back, issuerName, openConversation, isOutOfReach, title } =
    props
  const { step, ticket } = acceptance
  const now = useNow(true)
  const msLeft = ticket.expiresAt.getTime() - now
  const isDialling = acceptance.step === 'dialling'
  const isKnown = openConversation !== null && !isDialling
  const isExpired = msLeft <= 0 && !isDialling
  const otherRelays = ticket.relays
    .filter((relay) => !relays.includes(relay))
    .map((relay) => new URL(relay).host)
  const problem = isExpired ? expiredTicket : acceptance.step === 'confirm' && acceptance.problem

  return (
    <section class="card question" aria-labelledby="pane-title">
      <Tie
        from={ticket.issuer}
        to={self}
        cord={isDialling ? 'moving' : isKnown ? 'tied' : 'loose'}
      />
      <h2 id="pane-title" ref={title} tabIndex={-1}>
        {isDialling
          ? 'Reaching out…'
          : isKnown
            ? `You know ${issuerName} already`
            : 'You are invited'}
      </h2>
      <p class="peer-id">
        by <code title={ticket.issuer}>{shortPeer(ticket.issuer)}</code>
      </p>
      {ticket.memo && <blockquote class="memo">{ticket.memo}</blockquote>}
      {acceptance.step === 'dialling' && (
        <Waiting
          isOutOfReach={isOutOfReach}
          waitedMs={acceptTimeoutMs - (acceptance.untilMs - now)}
        />
      )}
      {problem && <ProblemNote problem={problem} />}
      {isKnown && (
        <p class="muted">
          You two have a link: this invitation adds nothing to it. Accept it again only if they have
          forgotten you.
        </p>
      )}
      {step === 'confirm' && !isKnown && !isExpired && (
        <p class="muted">
          Accept only if you know who sent you this. It makes a lasting link between the two of you;
          the invitation holds for another {timeLeft(msLeft)}.
        </p>
      )}
      {step === 'confirm' && !isExpired && otherRelays.length > 0 && (
        <p class="muted">
          They are found by {otherRelays.length === 1 ? 'the relay' : 'the relays'}{' '}
          {list.format(otherRelays)}. Once you accept, whoever runs it sees when you are online,
          though not what you say.
        </p>
      )}
      {isKnown ? (
        <KnownActions
          open={openConversation}
          accept={isExpired ? null : accept}
          back={back}
          hasFailed={problem !== false && problem !== undefined}
        />
      ) : (
        <div class="actions">
          {step === 'confirm' && !isExpired && (
            <button type="button" class="button primary" onClick={accept}>
              {problem ? 'Try again' : 'Accept'}
            </button>
          )}
          <button type="button" class="button" onClick={back}>
            {isDialling ? 'Cancel' : isExpired ? 'Close' : 'Not now'}
          </button>
        </div>
      )}
      {step === 'confirm' && !isExpired && <OtherPersons ticket={ticket} />}
    </section>
  )
}

interface KnownActionsProps {
  open(): void
  accept: (() => void) | null
  back(): void
  hasFailed: boolean
}

function KnownActions({ open, accept, back, hasFailed }: KnownActionsProps) {
  return (
    <div class="actions">
      <button type="button" class="button primary" onClick={open}>
        Open the conversation
      </button>
      {accept && (
        <button type="button" class="button" onClick={accept}>
          {hasFailed ? 'Try again' : 'Accept again'}
        </button>
      )}
      <button type="button" class="button plain" onClick={back}>
        Not now
      </button>
    </div>
  )
}

/** Said anew only when it means something else, so that a screen reader is not kept talking. */
function Waiting({ isOutOfReach, waitedMs }: { isOutOfReach: boolean; waitedMs: number }) {
  return (
    <div class="waiting">
      <p class="muted" role="status">
        {isOutOfReach
          ? `${!navigator.onLine ? 'You are offline' : 'The relay is out of reach'}. This waits, and goes on by itself as soon as there is a connection.`
          : waitedMs < usualMs
            ? 'Their page must be open. This takes a second or two.'
            : 'No answer yet. Their page may be closed; or the invitation was used or withdrawn, which looks the same from here.'}
      </p>
      {!isOutOfReach && waitedMs >= usualMs && (
        <p class="muted" role="timer">
          Trying for another {timeLeft(acceptTimeoutMs - waitedMs)}
        </p>
      )}
    </div>
  )
}
