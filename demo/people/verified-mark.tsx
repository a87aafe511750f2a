/** Beside a name whose safety number was compared. */

import { Icon } from '../ui/icon.tsx'

export function VerifiedMark({ size = 18 }: { size?: number }) {
  return (
    <span class="verified-mark" title="Verified: you have compared safety numbers">
      <Icon name="shield-check" size={size} />
      <span class="visually-hidden">, verified</span>
    </span>
  )
}
