/** This browser becomes a further device of somebody who has another one at hand. */

import { HandfastError, joinIdentity, type Joining } from 'handfast'
import { useEffect, useRef, useState } from 'preact/hooks'
import { useAction } from '../ui/use-action.ts'
import { cleanName, shortPeer } from '../people/names.ts'
import { pageFor, relay } from '../page-address.ts'
import { OwnNameField } from './own-name-field.tsx'
import { ProblemNote } from '../ui/problem-note.tsx'
import { Weave } from '../ui/weave.tsx'

const joinTimeoutMs = 60_000

/** The invitation, read once: it leaves the address, so that it stays in no history. */
function takeFromAddress(): string | null {
  const link = location.hash.length > 1 ? location.href : null
  history.replaceState(null, '', location.pathname + location.search)
  return link
}

/** Before the other device is asked: a name that is taken would show only in the end. */
async function checkFree(name: string): Promise<void> {
  const databases = (await indexedDB.databases?.()) ?? []
  if (databases.some((database) => database.name === `handfast/${name}`)) {
    throw new HandfastError('identity-exists')
  }
}

export function JoinPage() {
  const [invitation] = useState(takeFromAddress)
  const [joining, setJoining] = useState<Joining>()
  const [name, setName] = useState('')
  const { isBusy, problem, run, dismiss } = useAction()
  const title = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = 'New device · Handfast'
  }, [])
  useEffect(() => title.current?.focus(), [joining])

  const called = cleanName(name)

  const connect = (event: Event) => {
    event.preventDefault()
    if (!invitation || !called) return
    void run(async () => {
      await checkFree(called)
      const options = { name: called, relays: [relay], timeoutMs: joinTimeoutMs }
      setJoining(await joinIdentity(invitation, options))
    })
  }
  const confirm = async () => {
    const isDone = await run(async () => {
      const identity = await joining!.confirm()
      await identity.close()
    })
    if (isDone) location.replace(pageFor(called))
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
          ) : (
            <form class="stack" onSubmit={connect} onInput={dismiss}>
              {invitation ? (
                <>
                  <p class="lead">
                    This browser becomes you, too: everybody you know can reach you here and there.
                    Go on only if the invitation comes from your own device.
                  </p>
                  <OwnNameField value={name} setValue={setName} />
                </>
              ) : (
                <p>
                  There is no invitation in this address. On your other device, open “Keys and
                  devices” and add one.
                </p>
              )}
              {problem && <ProblemNote problem={problem} />}
              <div class="actions">
                {invitation && (
                  <button type="submit" class="button primary" disabled={!called || isBusy}>
                    {isBusy ? 'Reaching your other device…' : 'Go on'}
                  </button>
                )}
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
