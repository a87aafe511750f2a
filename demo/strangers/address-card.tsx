/** The address at which strangers may ask for your name. */

import type { Mesh } from 'handfast'
import { useReducer } from 'preact/hooks'
import { useAnnounce } from '../ui/announcer.tsx'
import { Copyable } from '../ui/copyable.tsx'
import { useAction } from '../ui/use-action.ts'
import { ProblemNote } from '../ui/problem-note.tsx'

const date = new Intl.DateTimeFormat(undefined, { dateStyle: 'long' })

export function AddressCard({ mesh }: { mesh: Mesh }) {
  const announce = useAnnounce()
  const { isBusy, problem, run } = useAction()
  const [, redraw] = useReducer((count: number, _: void) => count + 1, 0)
  const address = mesh.addresses.at(-1)

  const publish = () => run(() => mesh.address()).then(() => redraw())
  const withdraw = async () => {
    if (await run(() => mesh.withdraw(address!))) announce('Nobody can ask there any more')
    redraw()
  }

  return (
    <section class="card" aria-labelledby="address-title">
      <h3 id="address-title">Your address</h3>
      <div class="stack">
        <p class="muted">
          Whoever has it can ask for your name while you are here, and know that the answer is
          yours. Put it wherever you like: it holds no secret.
        </p>
        {address && (
          <>
            <Copyable label="Address" value={address.toString()} what="your address" />
            <p class="hint muted">Good until {date.format(address.expiresAt)}.</p>
          </>
        )}
        {problem && <ProblemNote problem={problem} />}
        <div class="actions">
          {address ? (
            <button type="button" class="button" disabled={isBusy} onClick={withdraw}>
              Withdraw
            </button>
          ) : (
            <button type="button" class="button primary" disabled={isBusy} onClick={publish}>
              Publish an address
            </button>
          )}
        </div>
      </div>
    </section>
  )
}
