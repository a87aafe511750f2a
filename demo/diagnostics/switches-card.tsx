/** The switches that break this tab, for those who want to see it recover. */

import type { Mesh } from 'handfast'
import { Icon } from '../ui/icon.tsx'
import { crashThisTab, setSwitch, type SwitchName } from './switches.ts'
import { useCut } from './use-cut.ts'
import { standingOf } from './use-recovery.ts'
import { useStats } from './use-stats.tsx'

const switches: { name: SwitchName; word: string; means: string }[] = [
  { name: 'relay', word: 'Relay off', means: 'Nobody new is found; who is here stays here.' },
  { name: 'network', word: 'Offline', means: 'Every connection of this tab is gone at once.' },
]

const everyMs = 5000

export function SwitchesCard({ mesh }: { mesh: Mesh }) {
  const cut = useCut()
  const follows = useStats(everyMs).latest?.leads === false
  return (
    <section class="drawer-part" aria-labelledby="switches-title">
      <h3 id="switches-title">Break it, and watch it recover</h3>
      <ul class="switches">
        {switches.map(({ name, word, means }) => (
          <li key={name}>
            <label class="switch">
              <span>
                <span>{word}</span>
                <span class="muted">{means}</span>
              </span>
              <input
                type="checkbox"
                role="switch"
                checked={cut.has(name)}
                onChange={({ currentTarget }) => setSwitch(name, currentTarget.checked)}
              />
            </label>
          </li>
        ))}
        <li class="switch">
          <span id="crash-means" class="muted">
            Down this instant, without a goodbye; then it opens again.
          </span>
          <button
            type="button"
            class="button danger"
            aria-describedby="crash-means"
            onClick={() => crashThisTab([...standingOf(mesh).here])}
          >
            Crash this tab
          </button>
        </li>
      </ul>
      {follows && (
        <p class="note drawer-note">
          <Icon name="tabs" size={16} /> Another tab of yours holds the connections: what is
          switched off here, is not felt before that tab is closed.
        </p>
      )}
    </section>
  )
}
