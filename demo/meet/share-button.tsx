/** The system's own way of sending something, where there is one. */

import { useState } from 'preact/hooks'
import { useAnnounce } from '../ui/announcer.tsx'
import { Icon } from '../ui/icon.tsx'

interface ShareButtonProps {
  link: string
  from: string
  memo: string
}

export function ShareButton({ link, from, memo }: ShareButtonProps) {
  const [hasFailed, setFailed] = useState(false)
  const announce = useAnnounce()
  const data: ShareData = {
    title: 'Handfast invitation',
    text: `${from} invites you to a private link${memo && `: “${memo}”`}. It works once.`,
    url: link,
  }
  // Absent on many computers; elsewhere it may refuse what it can't send.
  if (!('share' in navigator) || navigator.canShare?.(data) === false) return null

  const share = async () => {
    setFailed(false)
    try {
      await navigator.share(data)
      announce('Shared')
    } catch (error) {
      // Putting the sheet away is no failure.
      if ((error as Error).name === 'AbortError') return
      setFailed(true)
    }
  }
  return (
    <>
      <button type="button" class="button" onClick={share}>
        <Icon name="share" />
        Share
      </button>
      {hasFailed && (
        <p class="share-problem" role="alert">
          Sharing did not work. Copy the link and send it yourself.
        </p>
      )}
    </>
  )
}
