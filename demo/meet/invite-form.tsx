/** What an invitation should say and how long it should hold. */

import { useState } from 'preact/hooks'
import type { InvitationControls } from './use-invitation.ts'
import { secondPersonLink } from '../page-address.ts'
import { ProblemNote } from '../ui/problem-note.tsx'

const minuteMs = 60_000
const lifetimes = [
  { label: '10 minutes', ms: 10 * minuteMs },
  { label: '1 hour', ms: 60 * minuteMs },
  { label: '1 day', ms: 24 * 60 * minuteMs },
]

/** A ticket's memo holds 128 bytes; this many characters of any script fit. */
const maxMemoLength = 32

interface InviteFormProps {
  controls: InvitationControls
  otherName: string
}

export function InviteForm({ controls, otherName }: InviteFormProps) {
  const { invitation, make } = controls
  const [memo, setMemo] = useState('')
  const [expiresInMs, setExpiresInMs] = useState(lifetimes[0]!.ms)
  const making = invitation.step === 'making'

  const submit = (event: Event) => {
    event.preventDefault()
    void make({ memo: memo.trim(), expiresInMs })
  }

  // Opened at once, since browsers allow it only as the direct answer to a click.
  const openSecondPerson = async () => {
    const tab = open('about:blank')
    const ticket = await make({ memo: memo.trim(), expiresInMs })
    if (!tab) return
    if (!ticket) return tab.close()
    tab.opener = null
    tab.location.replace(secondPersonLink(ticket, otherName))
  }

  return (
    <form class="stack" onSubmit={submit}>
      <label class="field">
        <span>
          Note <span class="muted">(optional; they will see it)</span>
        </span>
        <input
          type="text"
          maxLength={maxMemoLength}
          placeholder="Lunch on Friday"
          autocomplete="off"
          value={memo}
          onInput={(event) => setMemo(event.currentTarget.value)}
        />
      </label>
      <fieldset class="field">
        <legend>Valid for</legend>
        <div class="choice">
          {lifetimes.map(({ label, ms }) => (
            <label key={ms}>
              <input
                type="radio"
                name="lifetime"
                checked={ms === expiresInMs}
                onChange={() => setExpiresInMs(ms)}
              />
              <span>{label}</span>
            </label>
          ))}
        </div>
      </fieldset>
      {invitation.step === 'none' && invitation.problem && (
        <ProblemNote problem={invitation.problem} />
      )}
      <div class="actions">
        <button type="submit" class="button primary" disabled={making}>
          Create invitation
        </button>
      </div>
      <div class="try-out">
        <p class="muted">Alone here? Be two people:</p>
        <button type="button" class="button" disabled={making} onClick={openSecondPerson}>
          Open a second person in a new tab
        </button>
      </div>
    </form>
  )
}
