/** This browser becomes a further device of somebody who has another one at hand. */

import { HandfastError, joinIdentity, ready, Ticket, type Joining } from 'handfast'
import { useEffect, useRef, useState } from 'preact/hooks'
import { useAction } from '../ui/use-action.ts'
import { cleanName, shortPeer } from '../people/names.ts'
import { findTicket } from '../meet/find-ticket.ts'
import { noInvitation } from '../meet/invitation-problems.ts'
import { ScanButton } from '../meet/scan-button.tsx'
import { devicePurpose, invitationLink, pageFor, relays } from '../page-address.ts'
import { rememberPerson } from '../people/persons.ts'
import { OwnNameField } from './own-name-field.tsx'
import { PastedField } from '../ui/pasted-field.tsx'
import { ProblemNote } from '../ui/problem-note.tsx'
import { codeOf, explain, type Problem } from '../ui/problems.ts'
import { Weave } from '../ui/weave.tsx'

const joinTimeoutMs = 60_000

/** The invitation, read once: it leaves the address, so that it stays in no history. */
function takeFromAddress(): string | null {
  const link = location.hash.length > 1 ? location.href : null
  history.replaceState(null, '', location.pathname + location.search)
  return link
}

function readDeviceTicket(text: string): Ticket | Problem {
  const ticket = findTicket(text)
  if (!(ticket instanceof Ticket)) return noInvitation[ticket]
  if (ticket.purpose !== devicePurpose) {
    const way = { word: 'Open it to accept', href: invitationLink(ticket) }
    return { ...invitesPerson, way }
  }
  return ticket.expiresAt.getTime() <= Date.now() ? expiredForDevice : ticket
}

const invitesPerson: Problem = {
  title: 'This invitation is to meet somebody',
  advice: 'It makes a link between two people. It can’t make this browser a device of yours.',
}

const expiredForDevice: Problem = {
  title: 'This invitation has expired',
  advice:
    'It holds for ten minutes. On your other device, open “Keys and devices” and add one anew.',
}

/** Used, withdrawn and unknown ones are met with the same silence. */
const otherDeviceSilent: Problem = {
  title: 'Your other device did not answer',
  advice:
    'This page must be open there. If it is, the invitation was used or withdrawn, which looks the same from here: add one anew.',
}

const explainJoining = (error: unknown): Problem =>
  codeOf(error) === 'timeout' ? otherDeviceSilent : explain(error)

/** Before the other device is asked: a name that is taken would show only in the end. */
async function checkFree(name: string): Promise<void> {
  const databases = (await indexedDB.databases?.()) ?? []
  if (databases.some((database) => database.name === `handfast/${name}`)) {
    throw new HandfastError('identity-exists')
  }
}

export function JoinPage() {
  const [link] = useState(takeFromAddress)
  const [found, setFound] = useState<Ticket | Problem>()
  const [isReady, setReady] = useState(false)
  const [text, setText] = useState('')
  const [joining, setJoining] = useState<Joining>()
  const [name, setName] = useState('')
  const { isBusy, problem, run, dismiss } = useAction(explainJoining)
  const title = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = 'New device · Handfast'
  }, [])
  useEffect(() => title.current?.focus(), [joining])
  // Nothing is open here that would have brought the cryptography.
  useEffect(() => {
    void ready()
      .then(() => link && setFound(readDeviceTicket(link)))
      .catch((error: unknown) => setFound(explain(error)))
      .finally(() => setReady(true))
  }, [])

  const called = cleanName(name)
  const invitation = found instanceof Ticket ? found : null
  const wrong = found instanceof Ticket ? undefined : found

  const take = (code: string): Problem | null => {
    const next = readDeviceTicket(code)
    if (!(next instanceof Ticket)) return next
    setFound(next)
    return null
  }
  const paste = (event: Event) => {
    event.preventDefault()
    setFound(readDeviceTicket(text))
  }
  const connect = (event: Event) => {
    event.preventDefault()
    if (!invitation || !called) return
    void run(async () => {
      await checkFree(called)
      const options = { name: called, relays, timeoutMs: joinTimeoutMs }
      setJoining(await joinIdentity(invitation, options))
    })
  }
  const confirm = async () => {
    const isDone = await run(async () => {
      const identity = await joining!.confirm()
      await identity.close()
    })
    if (!isDone) return
    rememberPerson(called!)
    location.replace(pageFor(null))
  }
  const stop = () => {
    void joining?.cancel()
    location.replace(pageFor(null))
  }

  return (
    <main class="narrow" aria-labelledby="join-title">
      <section class="card">
        <h2 id="join-title" ref={title} tabIndex={-1}>
          {joining ? 'The same on both?' : 'A new device of yours'}
        </h2>
        <div class="stack">
          {joining ? (
            <>
              <p class="peer-id">
                <Weave peer={joining.peer} />
                <code title={joining.peer}>{shortPeer(joining.peer)}</code>
              </p>
              <p>
                Your other device must show the same digits now. If it shows others, or none,
                somebody else has used your invitation.
              </p>
              <p class="pairing-code" aria-label="Digits">
                {joining.code}
              </p>
              {problem && <ProblemNote problem={problem} />}
              <div class="actions">
                <button type="button" class="button primary" disabled={isBusy} onClick={confirm}>
                  {isBusy ? 'Waiting for the other device…' : 'They are the same'}
                </button>
                <button type="button" class="button danger" onClick={stop}>
                  They differ
                </button>
              </div>
            </>
          ) : invitation ? (
            <form class="stack" onSubmit={connect} onInput={dismiss}>
              <p class="lead">
                This browser becomes you, too: everybody you know can reach you here and there. Go
                on only if the invitation comes from your own device.
              </p>
              <OwnNameField value={name} setValue={setName} />
              {problem && <ProblemNote problem={problem} />}
              <div class="actions">
                <button type="submit" class="button primary" disabled={!called || isBusy}>
                  {isBusy ? 'Reaching your other device…' : 'Go on'}
                </button>
                <button type="button" class="button" onClick={stop}>
                  Not now
                </button>
              </div>
            </form>
          ) : link && !isReady ? (
            <p class="muted" role="status">
              Reading the invitation…
            </p>
          ) : (
            <form class="stack" onSubmit={paste}>
              <p class="lead">
                On your other device, open “Keys and devices” and add one: it shows a code and a
                link.
              </p>
              <ScanButton read={take} />
              <PastedField
                label="Link from your other device"
                placeholder="hft1…"
                value={text}
                setValue={(value) => {
                  setText(value)
                  setFound(undefined)
                }}
                problem={wrong}
              />
              <div class="actions">
                <button
                  type="submit"
                  class="button primary"
                  disabled={text.trim() === '' || !isReady}
                >
                  Continue
                </button>
                <button type="button" class="button" onClick={stop}>
                  Not now
                </button>
              </div>
            </form>
          )}
        </div>
      </section>
    </main>
  )
}
