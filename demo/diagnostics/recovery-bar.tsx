/** Whatever is on screen: that this tab was broken on purpose, what that means, and how it recovers. */

import type { Mesh, PeerId } from 'handfast'
import { Icon, type IconName } from '../ui/icon.tsx'
import type { Recovery } from './recovery.ts'
import { recoveryWords } from './recovery-words.ts'
import { setSwitch, whatIsCut } from './switches.ts'
import { standingOf, useRecovery } from './use-recovery.ts'

const icons: Record<Exclude<Recovery['phase'], 'well'>, IconName> = {
  cut: 'warning',
  mending: 'dialling',
  mended: 'check',
  'given up': 'clock',
}

interface RecoveryBarProps {
  mesh: Mesh
  callPeer(peer: PeerId): string
}

export function RecoveryBar({ mesh, callPeer }: RecoveryBarProps) {
  const { recovery, dismiss } = useRecovery(mesh)
  return (
    <div class="recovery" role="status">
      {recovery.phase !== 'well' && (
        <Told recovery={recovery} mesh={mesh} callPeer={callPeer} dismiss={dismiss} />
      )}
    </div>
  )
}

interface ToldProps extends RecoveryBarProps {
  recovery: Exclude<Recovery, { phase: 'well' }>
  dismiss(): void
}

function Told({ recovery, mesh, callPeer, dismiss }: ToldProps) {
  const { title, text } = recoveryWords(recovery, standingOf(mesh), callPeer)
  const switchOn = () => whatIsCut().forEach((name) => setSwitch(name, false))
  const action =
    recovery.phase === 'cut'
      ? { word: 'Switch on again', run: switchOn }
      : recovery.phase !== 'mending' && { word: 'Close', run: dismiss }
  return (
    <div class={`recovery-bar recovery-${recovery.phase.replace(' ', '-')}`}>
      <Icon name={icons[recovery.phase]} />
      <p>
        <strong>{title}.</strong> {text}
      </p>
      {action && (
        <button type="button" class="button" onClick={action.run}>
          {action.word}
        </button>
      )}
    </div>
  )
}
