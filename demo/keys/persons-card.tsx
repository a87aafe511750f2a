/** The people whom this browser holds, where there are several: which it opens as, and the way to each. */

import { useEffect, useState } from 'preact/hooks'
import { useAnnounce } from '../ui/announcer.tsx'
import { Icon } from '../ui/icon.tsx'
import { rememberedName } from '../people/names.ts'
import { identityName, pageFor } from '../page-address.ts'
import { personsHere, rememberedPerson, rememberPerson } from '../people/persons.ts'

export function PersonsCard() {
  const [persons, setPersons] = useState<readonly string[]>([])
  const [usual, setUsual] = useState(rememberedPerson)
  const announce = useAnnounce()
  useEffect(() => {
    void personsHere().then(setPersons)
  }, [])
  if (persons.length < 2) return null

  const choose = (name: string) => {
    rememberPerson(name)
    setUsual(name)
    announce(`This browser opens as ${rememberedName(name)} from now on`)
  }
  return (
    <section class="card" aria-labelledby="persons-title">
      <h3 id="persons-title">People in this browser</h3>
      <div class="stack">
        <p class="muted">
          Each has keys and links of their own. Links and bookmarks open as the one you choose here.
        </p>
        <fieldset class="persons">
          <legend class="visually-hidden">This page opens as</legend>
          {persons.map((name) => (
            <div key={name} class="person-here">
              <label class="tick">
                <input
                  type="radio"
                  name="usual-person"
                  checked={name === usual}
                  onChange={() => choose(name)}
                />
                <span>
                  {rememberedName(name)}
                  {name === identityName && <span class="muted"> (this tab)</span>}
                </span>
              </label>
              {name !== identityName && (
                <a class="button bare" href={pageFor(name)} target="_blank" rel="noopener">
                  <Icon name="tabs" />
                  <span class="visually-hidden">Open {rememberedName(name)} in a new tab</span>
                </a>
              )}
            </div>
          ))}
          {!persons.includes(usual) && (
            <label class="tick">
              <input type="radio" name="usual-person" checked readOnly />
              <span>Somebody new</span>
            </label>
          )}
        </fieldset>
      </div>
    </section>
  )
}
