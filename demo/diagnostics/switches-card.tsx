/** The switches that break this tab, for those who want to see it recover. */

import type { Mesh } from 'handfast'
import { Icon } from '../ui/icon.tsx'
import { crashThisTab, setSwitch, type SwitchName } from './switches.ts'
import { useCut } from './use-cut.ts'
import { standingOf } from './use-recovery.ts'
import { useStats } from './use-stats.tsx'

const switches: { name: SwitchName; word: string; means: string }[] = [
  {
    name: 'relay',
    word: 'Relay off',
    means: 'Nobody new can be found; whoever is connected stays connected.',
  },
  { name: 'network', word: 'Offline', means: 'All connections of this tab break at once.' },
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
                disabled={follows && !cut.has(name)}
                aria-describedby={follows ? 'switches-elsewhere' : undefined}
                onChange={({ currentTarget }) => setSwitch(name, currentTarget.checked)}
              />
            </label>
          </li>
        ))}
        <li class="switch">
          <span id="crash-means" class="muted">
            Ends it without a goodbye; then it opens again.
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
        <p class="note drawer-note" id="switches-elsewhere">
          <Icon name="tabs" size={16} /> Another tab of yours holds the connections, for this one,
          too: break it there, or close that tab.
        </p>
      )}
    </section>
  )
}
