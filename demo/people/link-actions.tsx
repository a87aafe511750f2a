/** One button that does what makes sense now: connect, stop dialling, or ping; and for a while what came of it. */

import type { Link } from 'handfast'
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { explain } from '../ui/problems.ts'

const pingTimeoutMs = 5000
const noticeMs = 8000

interface LinkActionsProps {
  link: Link
  called: string
  /** What is there when there is no notice. */
  otherwise: ComponentChildren
}

export function LinkActions({ link, called, otherwise }: LinkActionsProps) {
  const [notice, setNotice] = useState('')
  const [dial, setDial] = useState<AbortController | null>(null)
  useEffect(() => {
    if (link.state === 'open') setNotice('')
  }, [link.state])
  useEffect(() => {
    const timer = notice && setTimeout(() => setNotice(''), noticeMs)
    return () => clearTimeout(timer || undefined)
  }, [notice])

  const connect = async () => {
    const controller = new AbortController()
    const { signal } = controller
    setDial(controller)
    setNotice('')
    try {
      await link.connect({ signal })
    } catch (error) {
      if (!signal.aborted)
        setNotice(`${explain(error).title}. Messages wait until you both are here.`)
    } finally {
      setDial(null)
    }
  }

  const ping = async () => {
    const start = performance.now()
    try {
      await link.request('ping', null, { timeoutMs: pingTimeoutMs })
      setNotice(`${called} answered in ${(performance.now() - start).toFixed(1)} ms`)
    } catch (error) {
      setNotice(explain(error).title)
    }
  }

  const action =
    link.state === 'open'
      ? { word: 'Ping', run: ping }
      : dial
        ? { word: 'Stop', run: () => dial.abort() }
        : { word: 'Connect', run: connect }

  return (
    <>
      <button type="button" class="button" disabled={link.state === 'closed'} onClick={action.run}>
        {action.word}
      </button>
      <div class="link-line">
        <p role="status">{notice}</p>
        {!notice && otherwise}
      </div>
    </>
  )
}
