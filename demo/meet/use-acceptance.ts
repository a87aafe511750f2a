/** Accepting somebody's invitation: read it, ask, dial, done; or say what went wrong, and go back a step. */

import { type Mesh, type PeerId, Ticket } from 'handfast'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { devicePurpose, joinLink } from '../page-address.ts'
import { expiredTicket, explain, ownTicket, type Problem } from '../ui/problems.ts'

const acceptTimeoutMs = 60_000

export type Acceptance =
  | { step: 'paste'; problem?: Problem }
  | { step: 'confirm'; ticket: Ticket; problem?: Problem }
  | { step: 'dialling'; ticket: Ticket }

export interface AcceptanceControls {
  acceptance: Acceptance
  /** Takes a ticket or a link with one and, if it is good, asks whether to accept it. */
  read(text: string): void
  accept(): void
  /** Takes back what was said about the last text that was read. */
  dismiss(): void
  /** Stops dialling, or puts the invitation away. */
  back(): void
}

/** `onFound`: there is an invitation in the address, to be asked about. */
export function useAcceptance(
  mesh: Mesh,
  onAccepted: (peer: PeerId) => void,
  onFound: () => void,
): AcceptanceControls {
  const [acceptance, setAcceptance] = useState<Acceptance>({ step: 'paste' })
  const dial = useRef<AbortController>(null)

  const read = (text: string) => {
    dial.current?.abort()
    try {
      const ticket = Ticket.parse(text.trim())
      // Another place, where no identity is open yet.
      if (ticket.purpose === devicePurpose) return location.assign(joinLink(ticket))
      const problem =
        ticket.issuer === mesh.peer
          ? ownTicket
          : ticket.expiresAt.getTime() <= Date.now()
            ? expiredTicket
            : null
      setAcceptance(problem ? { step: 'paste', problem } : { step: 'confirm', ticket })
    } catch (error) {
      setAcceptance({ step: 'paste', problem: explain(error) })
    }
  }

  const accept = async () => {
    if (acceptance.step !== 'confirm') return
    const { ticket } = acceptance
    const { signal } = (dial.current = new AbortController())
    setAcceptance({ step: 'dialling', ticket })
    try {
      const link = await mesh.accept(ticket.toString(), { signal, timeoutMs: acceptTimeoutMs })
      if (signal.aborted) return
      setAcceptance({ step: 'paste' })
      onAccepted(link.peer)
    } catch (error) {
      if (!signal.aborted) setAcceptance({ step: 'confirm', ticket, problem: explain(error) })
    }
  }

  const back = () => {
    dial.current?.abort()
    const { ticket } = acceptance as { ticket?: Ticket }
    if (acceptance.step === 'dialling' && ticket) setAcceptance({ step: 'confirm', ticket })
    else setAcceptance({ step: 'paste' })
  }

  // The ticket leaves the address at once, so that it stays in no history and a reload does not ask again; before
  // anything else is seen.
  useLayoutEffect(() => {
    const takeFromAddress = () => {
      if (location.hash.length < 2) return
      const link = location.href
      history.replaceState(history.state, '', location.pathname + location.search)
      onFound()
      read(link)
    }
    takeFromAddress()
    addEventListener('hashchange', takeFromAddress)
    return () => removeEventListener('hashchange', takeFromAddress)
  }, [mesh])

  const dismiss = () =>
    setAcceptance((now) => (now.step === 'paste' && now.problem ? { step: 'paste' } : now))

  return { acceptance, read, accept, back, dismiss }
}
