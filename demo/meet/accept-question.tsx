/** Who is inviting, what they say, and whether to accept; then the wait until they answer. */

import type { PeerId } from 'handfast'
import type { RefObject } from 'preact'
import type { Acceptance } from './use-acceptance.ts'
import { useNow } from '../ui/use-now.ts'
import { shortPeer } from '../people/names.ts'
import { ProblemNote } from '../ui/problem-note.tsx'
import { timeLeft } from '../ui/time-left.ts'
import { Tie } from '../ui/tie.tsx'

interface AcceptQuestionProps {
  self: PeerId
  acceptance: Exclude<Acceptance, { step: 'paste' }>
  accept(): void
  back(): void
  issuerName: string
  /** For somebody known already. */
  openConversation: (() => void) | null
  title: RefObject<HTMLHeadingElement | null>
}

export function AcceptQuestion(props: AcceptQuestionProps) {
  const { self, acceptance, accept, back, issuerName, openConversation, title } = props
  const { step, ticket } = acceptance
  const msLeft = ticket.expiresAt.getTime() - useNow(true)
  const problem = acceptance.step === 'confirm' ? acceptance.problem : undefined

  return (
    <section class="card question" aria-labelledby="pane-title">
      <Tie from={ticket.issuer} to={self} cord={step === 'dialling' ? 'moving' : 'loose'} />
      <h2 id="pane-title" ref={title} tabIndex={-1}>
        {step === 'dialling' ? 'Reaching out…' : 'You are invited'}
      </h2>
      <p class="peer-id">
        by <code title={ticket.issuer}>{shortPeer(ticket.issuer)}</code>
      </p>
      {ticket.memo && <blockquote class="memo">{ticket.memo}</blockquote>}
      {step === 'dialling' ? (
        <p class="muted">Their page must be open. This takes a second or two, at most a minute.</p>
      ) : (
        <>
          {problem && <ProblemNote problem={problem} />}
          {openConversation && (
            <p class="note">
              You know {issuerName} already. Accept again only if they have forgotten you.
            </p>
          )}
          <p class="muted">
            Accept only if you know who sent you this. It makes a lasting link between the two of
            you
            {msLeft > 0 && <>; the invitation holds for another {timeLeft(msLeft)}</>}.
          </p>
        </>
      )}
      <div class="actions">
        {step === 'confirm' && (
          <button type="button" class="button primary" onClick={accept}>
            {problem ? 'Try again' : 'Accept'}
          </button>
        )}
        {step === 'confirm' && openConversation && (
          <button type="button" class="button" onClick={openConversation}>
            Open the conversation
          </button>
        )}
        <button type="button" class="button" onClick={back}>
          {step === 'dialling' ? 'Cancel' : 'Not now'}
        </button>
      </div>
    </section>
  )
}
