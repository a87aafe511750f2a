/** Whether the keys are locked in this tab. */

import type { Identity } from 'handfast'
import { useEffect, useState } from 'preact/hooks'

export function useLock(identity: Identity): boolean {
  const [isLocked, setLocked] = useState(identity.isLocked)
  useEffect(() => identity.on('lock', setLocked), [identity])
  return isLocked
}
