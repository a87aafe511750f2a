/** Copies a text and says so, in place and aloud. */

import { useEffect, useState } from 'preact/hooks'
import { useAnnounce } from './announcer.tsx'
import { Icon } from './icon.tsx'

const noticeMs = 2000

interface CopyButtonProps {
  /** Or how to make it, where that is much work. */
  text: string | (() => string)
  /** What is copied, for those who hear the page: “Copy your id”. */
  what: string
  /** Shows the icon only. */
  bare?: boolean
}

export function CopyButton({ text, what, bare = false }: CopyButtonProps) {
  const [outcome, setOutcome] = useState<'copied' | 'failed' | null>(null)
  const announce = useAnnounce()

  useEffect(() => {
    if (!outcome) return
    const timer = setTimeout(() => setOutcome(null), noticeMs)
    return () => clearTimeout(timer)
  }, [outcome])

  const copy = async () => {
    try {
      await navigator.clipboard.writeText(typeof text === 'string' ? text : text())
      setOutcome('copied')
      announce(`Copied ${what}`)
    } catch {
      setOutcome('failed')
      announce('The browser did not allow copying: select the text and copy it yourself')
    }
  }

  const icon = outcome === 'copied' ? 'check' : outcome === 'failed' ? 'cross' : 'copy'
  const word = outcome === 'copied' ? 'Copied' : outcome === 'failed' ? 'Blocked' : 'Copy'
  return (
    <button
      type="button"
      class={bare ? 'button bare' : 'button copy'}
      aria-label={`Copy ${what}`}
      title={bare ? `Copy ${what}` : undefined}
      onClick={copy}
    >
      <Icon name={icon} size={bare ? 16 : 20} />
      {!bare && <span>{word}</span>}
    </button>
  )
}
