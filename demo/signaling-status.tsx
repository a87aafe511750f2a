/** By which ways people can find this tab at the moment. */

import type { Mesh } from 'handfast'
import { Icon, type IconName } from './icon.tsx'
import { relay } from './page-address.ts'

type Path = Mesh['signaling'][number]

const icons: Record<Path['state'], IconName> = {
  open: 'here',
  connecting: 'dialling',
  closed: 'away',
}

/** Contacts bring relays of their own; those are named. */
const nameOf = (url: string): string => (url === relay ? 'Relay' : `Relay ${new URL(url).host}`)

const relayWords: Record<Path['state'], (name: string) => string> = {
  open: (name) => `${name} connected: people anywhere can find you.`,
  connecting: (name) => `${name}: connecting…`,
  closed: (name) => `${name} out of reach: trying again. Existing connections go on.`,
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
            <span>{path === 'tabs' ? tabWords[state] : relayWords[state](nameOf(path))}</span>
          </li>
        ))}
      </ul>
    </footer>
  )
}
