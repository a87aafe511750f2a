/** As whom an invitation is accepted, where this browser holds several people. */

import type { Ticket } from 'handfast'
import { useEffect, useState } from 'preact/hooks'
import { personsHere } from '../people/persons.ts'
import { rememberedName } from '../people/names.ts'
import { identityName, ownName, secondPersonLink } from '../page-address.ts'

export function OtherPersons({ ticket }: { ticket: Ticket }) {
  const [others, setOthers] = useState<readonly string[]>([])
  useEffect(() => {
    void personsHere().then((all) => setOthers(all.filter((name) => name !== identityName)))
  }, [])
  if (others.length === 0) return null
  return (
    <details class="as-whom">
      <summary>
        You would accept as <strong>{ownName}</strong>
      </summary>
      <p class="muted">Others in this browser, each with keys and links of their own:</p>
      <ul>
        {others.map((name) => (
          <li key={name}>
            <a href={secondPersonLink(ticket, name)}>Open it as {rememberedName(name)}</a>
          </li>
        ))}
      </ul>
    </details>
  )
}
