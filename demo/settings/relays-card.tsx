/** Where people find each other. */

import { useState } from 'preact/hooks'
import { hostRelays, relays } from '../page-address.ts'
import { PastedField } from '../ui/pasted-field.tsx'
import type { Problem } from '../ui/problems.ts'
import { reopenWith } from './reopen.ts'
import { isRelay, linesOf, maxRelays } from './settings.ts'

function wrongWith(lines: readonly string[]): Problem | undefined {
  const wrong = lines.find((line) => !isRelay(line))
  if (wrong !== undefined) {
    return {
      title: `“${wrong}” is no relay’s address`,
      advice: 'It starts with wss://, such as wss://relay.example, or with ws:// on this computer.',
    }
  }
  return lines.length > maxRelays
    ? { title: 'That is too many', advice: `At most ${maxRelays} relays are used.` }
    : undefined
}

export function RelaysCard() {
  const [text, setText] = useState(relays.join('\n'))
  const [problem, setProblem] = useState<Problem>()
  const lines = linesOf(text)
  const isUsual = relays.join() === hostRelays.join()

  const save = (event: Event) => {
    event.preventDefault()
    setProblem(wrongWith(lines) ?? reopenWith({ relays: lines }))
  }

  return (
    <section class="card" aria-labelledby="relays-title">
      <h3 id="relays-title">Relays</h3>
      <form class="stack" onSubmit={save}>
        <p class="muted">
          A relay brings two browsers together and then steps aside. It can’t read what you say.
          Without one, only tabs of this browser find each other.
        </p>
        <PastedField
          label={
            <>
              Addresses <span class="muted">(one a line)</span>
            </>
          }
          rows={2}
          placeholder="wss://relay.example"
          value={text}
          setValue={(value) => {
            setText(value)
            setProblem(undefined)
          }}
          problem={problem}
        />
        <div class="actions">
          <button type="submit" class="button" disabled={lines.join() === relays.join()}>
            Save
          </button>
          {!isUsual && (
            <button
              type="button"
              class="button plain"
              onClick={() => setProblem(reopenWith({ relays: null }))}
            >
              {hostRelays.length > 0 ? 'Use the usual relay' : 'Use none'}
            </button>
          )}
        </div>
      </form>
    </section>
  )
}
