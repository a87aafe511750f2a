/** Help for browsers that can’t reach each other directly: STUN and TURN servers. */

import { useState } from 'preact/hooks'
import { PastedField } from '../ui/pasted-field.tsx'
import { Tick } from '../ui/tick.tsx'
import type { Problem } from '../ui/problems.ts'
import { reopenWith } from './reopen.ts'
import { linesOf, parseIceServer, readSettings } from './settings.ts'

function wrongWith(lines: readonly string[], relayOnly: boolean): Problem | undefined {
  const wrong = lines.find((line) => !parseIceServer(line))
  if (wrong !== undefined) {
    return {
      title: `“${wrong}” is no such server`,
      advice: 'Write stun:host:port, or turn:host:port followed by a name and a password.',
    }
  }
  const hasTurn = lines.some((line) => line.startsWith('turn'))
  return relayOnly && !hasTurn
    ? { title: 'Hiding your address takes a TURN server', advice: 'Add one, or leave it off.' }
    : undefined
}

export function RouteCard() {
  const [stored] = useState(readSettings)
  const [text, setText] = useState(stored.iceServers)
  const [relayOnly, setRelayOnly] = useState(stored.relayOnly)
  const [problem, setProblem] = useState<Problem>()
  const isChanged = text !== stored.iceServers || relayOnly !== stored.relayOnly

  const save = (event: Event) => {
    event.preventDefault()
    const lines = linesOf(text)
    setProblem(
      wrongWith(lines, relayOnly) ?? reopenWith({ iceServers: lines.join('\n'), relayOnly }),
    )
  }

  return (
    <section class="card" aria-labelledby="route-title">
      <h3 id="route-title">Through firewalls</h3>
      <form class="stack" onSubmit={save}>
        <p class="muted">
          Browsers at home or at work often can’t reach each other without help. A STUN server tells
          them their address; a TURN server passes on what they say, still sealed.
        </p>
        <PastedField
          label={
            <>
              STUN and TURN servers <span class="muted">(optional, one a line)</span>
            </>
          }
          rows={3}
          placeholder="turn:turn.example:3478 name password"
          value={text}
          setValue={(value) => {
            setText(value)
            setProblem(undefined)
          }}
          problem={problem}
        />
        <Tick
          isTicked={relayOnly}
          setTicked={(isTicked) => {
            setRelayOnly(isTicked)
            setProblem(undefined)
          }}
        >
          Hide my address from people: always go through TURN
        </Tick>
        <div class="actions">
          <button type="submit" class="button" disabled={!isChanged}>
            Save
          </button>
        </div>
      </form>
    </section>
  )
}
