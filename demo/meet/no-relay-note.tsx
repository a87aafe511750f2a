/** Why only tabs of this browser can be met, where no relay is set. */

import { Icon } from '../ui/icon.tsx'

export function NoRelayNote({ openSettings }: { openSettings(): void }) {
  return (
    <div class="note no-relay">
      <Icon name="away" />
      <p>
        No relay is set, so you meet somebody new in other tabs of this browser only. Try it with a
        second person, or{' '}
        <button type="button" class="link" onClick={openSettings}>
          name a relay
        </button>{' '}
        to meet people elsewhere.
      </p>
    </div>
  )
}
