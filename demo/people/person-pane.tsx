/** What you know of somebody, and what you let them do. */

import type { Link, Mesh } from 'handfast'
import { useState } from 'preact/hooks'
import { CompareDialog } from './compare-dialog.tsx'
import { CopyButton } from '../ui/copy-button.tsx'
import { Icon } from '../ui/icon.tsx'
import { NameForm } from './name-form.tsx'
import { RemoveDialog } from './remove-dialog.tsx'
import { RightsCard } from './rights-card.tsx'

interface PersonPaneProps {
  mesh: Mesh
  link: Link
  called: string
  /** What they call themselves. */
  claimedName: string | undefined
  /** What one owes the other, in words. */
  debt: string | null
}

export function PersonPane({ mesh, link, called, claimedName, debt }: PersonPaneProps) {
  const [dialog, setDialog] = useState<'compare' | 'remove' | null>(null)
  const close = () => setDialog(null)

  return (
    <>
      <section class="card" aria-labelledby="safety-title">
        <h3 id="safety-title">Is it really them?</h3>
        <div class="stack">
          {link.verified ? (
            <p class="status-line">
              <Icon name="shield-check" size={24} />
              <span>
                Verified: you have compared safety numbers. The mark belongs to this very key;
                nobody else can get it.
              </span>
            </p>
          ) : (
            <p class="status-line">
              <Icon name="shield" size={24} />
              <span>
                Not verified yet. Compare safety numbers once, and you know that nobody stands
                between you.
              </span>
            </p>
          )}
          <div class="actions">
            <button
              type="button"
              class={link.verified ? 'button' : 'button primary'}
              onClick={() => setDialog('compare')}
            >
              {link.verified ? 'Show the safety number' : 'Compare safety numbers'}
            </button>
          </div>
        </div>
      </section>

      <section class="card" aria-labelledby="name-title">
        <h3 id="name-title">Name</h3>
        <div class="stack">
          <NameForm link={link} claimedName={claimedName} />
          <div class="key-line">
            <span class="muted">Key</span>
            <code>{link.peer}</code>
            <CopyButton bare text={link.peer} what="their key" />
          </div>
        </div>
      </section>

      <RightsCard link={link} called={called} />

      <section class="card" aria-labelledby="remove-title">
        <h3 id="remove-title">Part ways</h3>
        <div class="stack">
          <p class="muted">
            Forget {called}, or cut the link off for good. Both end it at once, for all your
            devices.
          </p>
          <div class="actions">
            <button
              type="button"
              class="button danger"
              aria-label={`Remove ${called}…`}
              onClick={() => setDialog('remove')}
            >
              Remove…
            </button>
          </div>
        </div>
      </section>

      {dialog === 'compare' && (
        <CompareDialog
          link={link}
          called={called}
          onClose={close}
          remove={() => setDialog('remove')}
        />
      )}
      {dialog === 'remove' && (
        <RemoveDialog mesh={mesh} link={link} called={called} debt={debt} onClose={close} />
      )}
    </>
  )
}
