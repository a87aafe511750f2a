/** Accepting somebody's invitation: read it, ask, dial, done; or say what went wrong, and go back a step. */

import { type Mesh, type PeerId, Ticket } from 'handfast'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { devicePurpose, joinLink, ownName, secondPersonLink } from '../page-address.ts'
import { friendlyName, greet } from '../people/names.ts'
import { codeOf, expiredTicket, explain, type Problem } from '../ui/problems.ts'
import { findTicket } from './find-ticket.ts'
import { noInvitation, nobodyAnswered, othersTicket, ownTicket } from './invitation-problems.ts'
import { isOutOfReach } from './reach.ts'

/** After so long the page says that nobody answers, and may be asked to try again. */
export const acceptTimeoutMs = 60_000

export type Acceptance =
  | { step: 'paste'; problem?: Problem }
  | { step: 'confirm'; ticket: Ticket; problem?: Problem }
  | { step: 'dialling'; ticket: Ticket; untilMs: number }

export interface AcceptanceControls {
  acceptance: Acceptance
  /** Takes a ticket or a link with one, also among other words and, if it is good, asks whether to accept it; else returns why not. */
  examine(text: string): Problem | null
  /** The same, and shows it where such a text is pasted. */
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

  const examine = (text: string): Problem | null => {
    dial.current?.abort()
    const ticket = findTicket(text)
    if (!(ticket instanceof Ticket)) return noInvitation[ticket]
    // Another place, where no identity is open yet.
    if (ticket.purpose === devicePurpose) {
      location.assign(joinLink(ticket))
      return null
    }
    if (ticket.expiresAt.getTime() <= Date.now()) return expiredTicket
    if (ticket.issuer === mesh.peer) {
      const name = friendlyName([ownName])
      const href = secondPersonLink(ticket, name)
      const way = { word: 'Open it as a second person', href, onClick: () => greet(name) }
      return { ...ownTicket, way }
    }
    if (ticket.for !== null && ticket.for !== mesh.peer) return othersTicket
    setAcceptance({ step: 'confirm', ticket })
    return null
  }

  const read = (text: string) => {
    const problem = examine(text)
    if (problem) setAcceptance({ step: 'paste', problem })
  }

  const accept = async () => {
    if (acceptance.step !== 'confirm') return
    const { ticket } = acceptance
    const { signal } = (dial.current = new AbortController())
    try {
      for (;;) {
        const untilMs = Date.now() + acceptTimeoutMs
        setAcceptance({ step: 'dialling', ticket, untilMs })
        try {
          const link = await mesh.accept(ticket, { signal, timeoutMs: acceptTimeoutMs })
          if (signal.aborted) return
          setAcceptance({ step: 'paste' })
          return onAccepted(link.peer)
        } catch (error) {
          // Nobody can have heard of it yet.
          if (codeOf(error) !== 'timeout' || !isOutOfReach(mesh.signaling)) throw error
        }
      }
    } catch (error) {
      const problem = codeOf(error) === 'timeout' ? nobodyAnswered : explain(error)
      if (!signal.aborted) setAcceptance({ step: 'confirm', ticket, problem })
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

  return { acceptance, examine, read, accept, back, dismiss }
}
