/** Whether a passphrase opens the keys: undefined until the browser has said so. Looked at anew whenever one comes back to this tab. */

import type { Identity } from 'handfast'
import { useCallback, useEffect, useState } from 'preact/hooks'

export function useHasPassphrase(identity: Identity): [boolean | undefined, () => Promise<void>] {
  const [has, setHas] = useState<boolean>()
  const look = useCallback(
    () => identity.hasPassphrase().then(setHas, () => setHas(false)),
    [identity],
  )
  useEffect(() => {
    void look()
    addEventListener('focus', look)
    return () => removeEventListener('focus', look)
  }, [look])
  return [has, look]
}
