/** What to do here, at one glance, for somebody who knows nobody yet. */

import { Icon, type IconName } from '../ui/icon.tsx'

const steps: { icon: IconName; word: string; means: string }[] = [
  { icon: 'plus', word: 'Invite', means: 'Make a link or a code. It works once.' },
  { icon: 'share', word: 'Hand it over', means: 'In person, or by any messenger.' },
  { icon: 'mesh', word: 'Stay linked', means: 'Write, pay and send files, browser to browser.' },
]

export function FirstSteps() {
  return (
    <ol class="first-steps" aria-label="How it works">
      {steps.map(({ icon, word, means }) => (
        <li key={word}>
          <span class="first-step-icon">
            <Icon name={icon} size={24} />
          </span>
          <span class="first-step-text">
            <strong>{word}</strong>
            <span class="muted">{means}</span>
          </span>
        </li>
      ))}
    </ol>
  )
}
