/** The browsers that are you: which there are, a new one, and shutting one out. */

import type { Identity, Mesh, OwnDevice, PeerId, Ticket } from 'handfast'
import { useState } from 'preact/hooks'
import { useAnnounce } from '../ui/announcer.tsx'
import { Copyable } from '../ui/copyable.tsx'
import { useAction } from '../ui/use-action.ts'
import { Modal } from '../ui/modal.tsx'
import { shortPeer } from '../people/names.ts'
import { codeText, devicePurpose, joinLink } from '../page-address.ts'
import { PastedField } from '../ui/pasted-field.tsx'
import { ProblemNote } from '../ui/problem-note.tsx'
import { QrCode } from '../meet/qr-code.tsx'
import { timeLeft } from '../ui/time-left.ts'
import { useNow } from '../ui/use-now.ts'
import { Weave } from '../ui/weave.tsx'

const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })

interface DevicesCardProps {
  mesh: Mesh
  identity: Identity
  isLocked: boolean
}

export function DevicesCard({ mesh, identity, isLocked }: DevicesCardProps) {
  const [adding, setAdding] = useState<{ ticket: Ticket; knownBefore: number }>()
  const [revoked, setRevoked] = useState<OwnDevice>()
  const { isBusy, problem, run } = useAction()
  const add = () =>
    run(async () => {
      const ticket = await mesh.invite({ purpose: devicePurpose, uses: 1 })
      setAdding({ ticket, knownBefore: mesh.devices.length })
    })

  return (
    <section class="card" aria-labelledby="devices-title">
      <h3 id="devices-title">Devices</h3>
      <div class="stack">
        <ul class="devices" aria-label="Your devices">
          {mesh.devices.map((device) => (
            <li key={device.key} class="device">
              {/* A key like any other. */}
              <Weave peer={device.key as PeerId} />
              <span class="device-text">
                <strong>{device.isThis ? 'This browser' : 'Another browser'}</strong>
                <code class="muted">{shortPeer(device.key as PeerId)}</code>
                {device.lastMetAt && (
                  <span class="muted">Last met {day.format(device.lastMetAt)}</span>
                )}
              </span>
              {!device.isThis && (
                <button
                  type="button"
                  class="button danger"
                  aria-label={`Revoke ${shortPeer(device.key as PeerId)}…`}
                  disabled={isLocked || mesh.isRevoked}
                  onClick={() => setRevoked(device)}
                >
                  Revoke…
                </button>
              )}
            </li>
          ))}
        </ul>
        {problem && <ProblemNote problem={problem} />}
        {!mesh.isRevoked && (
          <div class="actions">
            <button type="button" class="button" disabled={isBusy || isLocked} onClick={add}>
              Add a device…
            </button>
          </div>
        )}
      </div>
      {adding && mesh.pairings.length === 0 && (
        <AddDialog
          mesh={mesh}
          ticket={adding.ticket}
          isDone={mesh.devices.length > adding.knownBefore}
          onClose={() => setAdding(undefined)}
        />
      )}
      {revoked && (
        <RevokeDialog
          mesh={mesh}
          identity={identity}
          device={revoked}
          onClose={() => setRevoked(undefined)}
        />
      )}
    </section>
  )
}

interface AddDialogProps {
  mesh: Mesh
  ticket: Ticket
  isDone: boolean
  onClose(): void
}

function AddDialog({ mesh, ticket, isDone, onClose }: AddDialogProps) {
  const msLeft = ticket.expiresAt.getTime() - useNow(!isDone)
  if (isDone) {
    return (
      <Modal title="The new device is yours" onClose={onClose}>
        {(close) => (
          <>
            <p>Everybody you know will find you there, too, as soon as they hear of it.</p>
            <div class="actions">
              <button type="button" class="button primary" onClick={close}>
                Done
              </button>
            </div>
          </>
        )}
      </Modal>
    )
  }
  return (
    <Modal title="Add a device" wide onClose={onClose}>
      {(close) =>
        msLeft > 0 ? (
          <>
            <p>
              Open this link on your other device, or scan the code there. It works once; whoever
              has it could ask to be you, so show it to nobody else.
            </p>
            <div class="add-device">
              <QrCode text={codeText(ticket, joinLink(ticket))} label="The link as a QR code" />
              <div class="stack">
                <Copyable label="Link for your device" value={joinLink(ticket)} what="the link" />
                <p class="muted" role="status">
                  Waiting for it…
                </p>
                <p class="muted">
                  Valid for another{' '}
                  <time role="timer" class="countdown">
                    {timeLeft(msLeft)}
                  </time>
                  .
                </p>
              </div>
            </div>
            <div class="actions">
              <button
                type="button"
                class="button"
                onClick={() => {
                  void mesh.withdraw(ticket)
                  close()
                }}
              >
                Cancel
              </button>
            </div>
          </>
        ) : (
          <>
            <p role="status">This invitation has expired: no device came in time. Add one anew.</p>
            <div class="actions">
              <button type="button" class="button" onClick={close}>
                Close
              </button>
            </div>
          </>
        )
      }
    </Modal>
  )
}

interface RevokeDialogProps {
  mesh: Mesh
  identity: Identity
  device: OwnDevice
  onClose(): void
}

function RevokeDialog({ mesh, identity, device, onClose }: RevokeDialogProps) {
  const [words, setWords] = useState('')
  const { isBusy, problem, run, dismiss } = useAction()
  const announce = useAnnounce()
  const needsWords = !identity.hasRoot

  const revoke = async (event: Event, close: () => void) => {
    event.preventDefault()
    const isRevoked = await run(() =>
      mesh.revokeDevice(device.key, needsWords ? { words } : undefined),
    )
    if (!isRevoked) return
    setWords('')
    announce('The device is revoked')
    close()
  }
  return (
    <Modal title="Revoke this device?" onClose={onClose}>
      {(close) => (
        <form class="stack" onSubmit={(event) => revoke(event, close)} onInput={dismiss}>
          <p class="peer-id">
            <Weave peer={device.key as PeerId} />
            <code>{shortPeer(device.key as PeerId)}</code>
          </p>
          <p>
            It is cut off at once and for good, and everybody you know is told. Do this when it is
            lost or stolen. What it holds already stays on it.
          </p>
          {needsWords && (
            <PastedField
              label={
                <>
                  Your recovery words <span class="muted">(your main key signs this)</span>
                </>
              }
              rows={3}
              value={words}
              setValue={setWords}
            />
          )}
          {problem && <ProblemNote problem={problem} />}
          <div class="actions">
            <button type="button" class="button" onClick={close}>
              Keep it
            </button>
            <button
              type="submit"
              class="button danger"
              disabled={isBusy || (needsWords && words.trim() === '')}
            >
              Revoke
            </button>
          </div>
        </form>
      )}
    </Modal>
  )
}
