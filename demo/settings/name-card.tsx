/** What you call yourself. */

import { useState } from 'preact/hooks'
import { identityName, ownName } from '../page-address.ts'
import { cleanName, maxNameLength, rememberName } from '../people/names.ts'
import { TextField } from '../ui/text-field.tsx'
import { notKept } from './reopen.ts'

export function NameCard() {
  const [text, setText] = useState(ownName)
  const [isRefused, setRefused] = useState(false)
  const name = cleanName(text)

  const save = (event: Event) => {
    event.preventDefault()
    if (!name) return
    try {
      rememberName(identityName, name)
      location.reload()
    } catch {
      setRefused(true)
    }
  }

  return (
    <section class="card" aria-labelledby="own-name-title">
      <h3 id="own-name-title">Your name</h3>
      <form class="stack" onSubmit={save}>
        <TextField
          label="You are"
          note="people you meet see this"
          maxLength={maxNameLength}
          value={text}
          setValue={setText}
          problem={isRefused ? notKept : undefined}
        >
          <button type="submit" class="button" disabled={!name || name === ownName}>
            Save
          </button>
        </TextField>
        <p class="hint muted">A name is only a name: your key is what others recognise you by.</p>
      </form>
    </section>
  )
}
