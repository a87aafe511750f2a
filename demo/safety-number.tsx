/** The number by which two people make sure that nobody sits between them. */

import { Icon } from './icon.tsx'

export function SafetyNumber({ digits, called }: { digits: string; called: string }) {
  return (
    <details class="safety">
      <summary>
        <Icon name="shield" />
        Safety number
      </summary>
      <div class="safety-body">
        <p class="safety-digits">
          {digits.split(' ').map((group, index) => (
            <span key={index}>{group} </span>
          ))}
        </p>
        <p class="muted">
          Compare it with {called} side by side or over a call. If all of it is the same on both
          screens, you talk to each other’s keys and nobody sits between you. If any digit differs,
          forget this link and meet again.
        </p>
      </div>
    </details>
  )
}
