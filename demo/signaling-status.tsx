/** By which ways people can find this tab at the moment. */

import type { Mesh } from 'handfast'
import { Icon, type IconName } from './icon.tsx'

type Path = Mesh['signaling'][number]

const icons: Record<Path['state'], IconName> = {
  open: 'here',
  connecting: 'dialling',
  closed: 'away',
}

const relayWords: Record<Path['state'], string> = {
  open: 'Relay connected: people anywhere can find you.',
  connecting: 'Connecting to the relay…',
  closed: 'Relay out of reach: trying again. Existing connections go on.',
}

const tabWords: Record<Path['state'], string> = {
  open: 'Other tabs of this browser can find you.',
  connecting: 'Looking for other tabs of this browser…',
  closed: 'Other tabs of this browser can’t find you.',
}

export function SignalingStatus({ paths }: { paths: readonly Path[] }) {
  return (
    <footer class="signaling" aria-live="polite">
      <ul>
        {paths.map(({ path, state }) => (
          <li
            key={path}
            class={`presence-${icons[state]}`}
            title={path === 'tabs' ? undefined : path}
          >
            <Icon name={icons[state]} size={16} />
            <span>{(path === 'tabs' ? tabWords : relayWords)[state]}</span>
          </li>
        ))}
      </ul>
    </footer>
  )
}
