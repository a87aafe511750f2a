/** By which ways people can find this tab at the moment. */

import type { Mesh } from 'handfast'
import type { ComponentChildren } from 'preact'
import { Icon, type IconName } from './ui/icon.tsx'
import { relays } from './page-address.ts'

type Path = Mesh['signaling'][number]

const icons: Record<Path['state'], IconName> = {
  open: 'here',
  connecting: 'dialling',
  closed: 'away',
}

/** Contacts bring relays of their own, and those one had are kept for them: they are named. */
const nameOf = (url: string): string =>
  relays.length === 1 && url === relays[0] ? 'Relay' : `Relay ${new URL(url).host}`

function relayWords(url: string, state: Path['state'], isNeeded: boolean): string {
  const name = nameOf(url)
  if (state === 'open') {
    const who = relays.includes(url) ? 'people anywhere' : 'people you know'
    return `${name} connected: ${who} can find you.`
  }
  if (state === 'connecting') return `${name}: connecting…`
  return isNeeded
    ? `${name} out of reach: trying again. Existing connections go on.`
    : `${name}: connects when it is needed.`
}

const tabWords: Record<Path['state'], string> = {
  open: 'Other tabs of this browser can find you.',
  connecting: 'Looking for other tabs of this browser…',
  closed: 'Other tabs of this browser can’t find you.',
}

interface SignalingStatusProps {
  paths: readonly Path[]
  /** There is somebody to be found by. */
  isNeeded: boolean
  /** What else belongs at the foot of the page. */
  children?: ComponentChildren
}

export function SignalingStatus({ paths, isNeeded, children }: SignalingStatusProps) {
  return (
    <footer class="signaling">
      <ul aria-live="polite">
        {paths.map(({ path, state }) => (
          <li
            key={path}
            class={`presence-${icons[state]}`}
            title={path === 'tabs' ? undefined : path}
          >
            <Icon name={icons[state]} size={16} />
            <span>{path === 'tabs' ? tabWords[state] : relayWords(path, state, isNeeded)}</span>
          </li>
        ))}
      </ul>
      {children}
    </footer>
  )
}
