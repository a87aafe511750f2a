/** What an invitation should say, how long it should hold, and what it lets the invited do. */

import type { InviteOptions } from 'handfast'
import { useState } from 'preact/hooks'
import { Choice } from '../ui/choice.tsx'
import type { InvitationControls } from './use-invitation.ts'
import { isMemo, maxMemoBytes } from './memo.ts'
import { secondPersonLink } from '../page-address.ts'
import { greet } from '../people/names.ts'
import { ProblemNote } from '../ui/problem-note.tsx'
import { TextField } from '../ui/text-field.tsx'

const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs
const lifetimes = [
  { label: '10 minutes', value: 10 * minuteMs },
  { label: '1 hour', value: 60 * minuteMs },
  { label: '1 day', value: dayMs },
  { label: '7 days', value: 7 * dayMs },
]

/** Each some scopes. */
const rights = [
  { label: 'Everything', value: 'all', scopes: ['*'] },
  { label: 'Words only', value: 'words', scopes: ['message', 'request'] },
] as const

interface InviteFormProps {
  controls: InvitationControls
  otherName: string
}

export function InviteForm({ controls, otherName }: InviteFormProps) {
  const { invitation, make } = controls
  const [memo, setMemo] = useState('')
  const [expiresInMs, setExpiresInMs] = useState(lifetimes[0]!.value)
  const [right, setRight] = useState<(typeof rights)[number]>(rights[0])
  const making = invitation.step === 'making'
  const tooLong = !isMemo(memo)
  const options: InviteOptions = {
    expiresInMs,
    scopes: right.scopes,
    ...(memo.trim() && { memo: memo.trim() }),
  }

  const submit = (event: Event) => {
    event.preventDefault()
    void make(options)
  }

  // Opened at once, since browsers allow it only as the direct answer to a click.
  const openSecondPerson = async () => {
    const tab = open('about:blank')
    greet(otherName)
    const ticket = await make(options)
    if (!tab) return
    if (!ticket) return tab.close()
    tab.opener = null
    tab.location.replace(secondPersonLink(ticket, otherName))
  }

  return (
    <form class="stack" onSubmit={submit}>
      <TextField
        label="Note"
        note="optional; they will see it"
        maxLength={maxMemoBytes}
        placeholder="Lunch on Friday"
        value={memo}
        setValue={setMemo}
        fault={tooLong ? 'A little shorter, please: the note travels in the code.' : undefined}
      />
      <Choice<number>
        legend="Valid for"
        name="lifetime"
        options={lifetimes}
        value={expiresInMs}
        setValue={(value) => setExpiresInMs(value)}
      />
      <Choice
        legend={
          <>
            They may send you <span class="muted">(you can change it later)</span>
          </>
        }
        name="rights"
        options={rights}
        value={right.value}
        setValue={(value) => setRight(rights.find((each) => each.value === value)!)}
      />
      {invitation.step === 'none' && invitation.problem && (
        <ProblemNote problem={invitation.problem} />
      )}
      <div class="actions">
        <button type="submit" class="button primary" disabled={making || tooLong}>
          Create invitation
        </button>
      </div>
      <div class="try-out">
        <p class="muted">Alone here? Be two people, and try it now:</p>
        <button
          type="button"
          class="button"
          disabled={making || tooLong}
          onClick={openSecondPerson}
        >
          Open a second person in a new tab
        </button>
      </div>
    </form>
  )
}
