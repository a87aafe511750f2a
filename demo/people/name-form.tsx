/** What you call somebody. Only you see it. */

import type { Link } from 'handfast'
import { useEffect, useRef, useState } from 'preact/hooks'
import { useAnnounce } from '../ui/announcer.tsx'
import { TextField } from '../ui/text-field.tsx'
import { useAction } from '../ui/use-action.ts'

/** As the library has it. */
const maxNameLength = 64

interface NameFormProps {
  link: Link
  claimedName: string | undefined
}

export function NameForm({ link, claimedName }: NameFormProps) {
  const [text, setText] = useState(link.name ?? '')
  const { isBusy, problem, run, dismiss } = useAction()
  const announce = useAnnounce()
  // Another tab may have renamed them; what is being typed stays otherwise.
  const known = useRef(link.name)
  useEffect(() => {
    if (known.current !== link.name) setText(link.name ?? '')
    known.current = link.name
  }, [link.name])

  const rename = async (event: Event) => {
    event.preventDefault()
    const name = text.trim() || null
    if (!(await run(() => link.rename(name)))) return
    announce(name ? `Renamed to ${name}` : 'Your name for them is gone')
  }

  return (
    <form class="stack" onSubmit={rename}>
      <TextField
        label="Your name for them"
        note="only you see it"
        maxLength={maxNameLength}
        placeholder={claimedName}
        value={text}
        setValue={(value) => {
          setText(value)
          dismiss()
        }}
        problem={problem}
        hint={
          claimedName === undefined
            ? 'They have not said what they call themselves.'
            : `They call themselves ${claimedName}. Anybody can claim a name; the key is what counts.`
        }
      >
        <button type="submit" class="button" disabled={isBusy || text.trim() === (link.name ?? '')}>
          Save
        </button>
      </TextField>
    </form>
  )
}
