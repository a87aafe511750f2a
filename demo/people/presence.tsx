/** The state of a link in plain words, told by shape as well as by colour. */

import type { Link } from 'handfast'
import { Icon, type IconName } from '../ui/icon.tsx'

type State = Link['state']

const presences: Record<State, { word: string; icon: IconName }> = {
  idle: { word: 'Away', icon: 'away' },
  pending: { word: 'Dialling…', icon: 'dialling' },
  ticket: { word: 'Answering…', icon: 'dialling' },
  request: { word: 'Answering…', icon: 'dialling' },
  open: { word: 'Here', icon: 'here' },
  closed: { word: 'Ended', icon: 'cross' },
}

export function Presence({ state }: { state: State }) {
  const { word, icon } = presences[state]
  return (
    <span class={`presence presence-${icon}`}>
      <Icon name={icon} size={16} />
      {word}
    </span>
  )
}
