/** A backup as an encrypted file: the main key, where it is at hand, and the people you know. */

import type { Identity, Mesh } from 'handfast'
import { useState } from 'preact/hooks'
import { useAnnounce } from '../ui/announcer.tsx'
import { useAction } from '../ui/use-action.ts'
import { ownName, restoreLink } from '../page-address.ts'
import { ProblemNote } from '../ui/problem-note.tsx'
import { saveFile } from '../ui/save-file.ts'
import { NewPassphrase, useNewPassphrase } from './new-passphrase.tsx'

interface BackupCardProps {
  mesh: Mesh
  identity: Identity
  isLocked: boolean
}

export function BackupCard({ mesh, identity, isLocked }: BackupCardProps) {
  const entry = useNewPassphrase()
  const [isSaved, setSaved] = useState(false)
  const { isBusy, problem, run } = useAction()
  const announce = useAnnounce()

  const save = async (event: Event) => {
    event.preventDefault()
    const isDone = await run(async () => {
      const { passphrase } = entry
      saveFile(`handfast-${ownName}.age`, await mesh.exportBackup({ passphrase }))
    })
    if (!isDone) return
    setSaved(true)
    entry.clear()
    announce('The backup is saved with your downloads')
  }

  return (
    <section class="card" aria-labelledby="backup-title">
      <h3 id="backup-title">Backup file</h3>
      <form class="stack" onSubmit={save}>
        <p class="muted">
          {identity.hasRoot ? 'Your main key and' : 'Without your main key:'} everybody you know, in
          one file under a passphrase. Any age tool opens it.
        </p>
        <NewPassphrase
          label="Passphrase"
          entry={entry}
          done={
            isSaved
              ? 'It is saved with your downloads. Keep it apart from its passphrase.'
              : undefined
          }
          advice="Keep it apart from the file. Without it nobody can open the file, you neither."
        />
        {problem && <ProblemNote problem={problem} />}
        <div class="actions">
          <button type="submit" class="button" disabled={isBusy || isLocked || !entry.isReady}>
            {isBusy ? 'Encrypting…' : 'Save a backup'}
          </button>
          <a class="button plain" href={restoreLink()}>
            Restore one…
          </a>
        </div>
      </form>
    </section>
  )
}
