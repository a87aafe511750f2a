/** Says that another device of one's own has shut this one out. */

import { restoreLink } from '../page-address.ts'
import { Icon } from '../ui/icon.tsx'

export function RevokedNote() {
  return (
    <div class="banner alarmed" role="alert">
      <Icon name="warning" />
      <p>
        <strong>This device was revoked.</strong> It reaches nobody any more. If that was not you,
        look at your other devices now.
      </p>
      <a class="button" href={restoreLink()}>
        Come back as a new device
      </a>
    </div>
  )
}
