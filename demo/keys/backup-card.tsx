/** A backup as an encrypted file: the main key, where it is at hand, and the people you know. */

import type { Identity, Mesh } from 'handfast'
import { useState } from 'preact/hooks'
import { useAnnounce } from '../ui/announcer.tsx'
import { useAction } from '../ui/use-action.ts'
import { ownName, restoreLink } from '../page-address.ts'
import { PassphraseField } from '../ui/passphrase-field.tsx'
import { ProblemNote } from '../ui/problem-note.tsx'
import { saveFile } from '../ui/save-file.ts'

/** Guessing takes a second a try, for whoever has the file. */
const minPassphraseLength = 10

interface BackupCardProps {
  mesh: Mesh
  identity: Identity
  isLocked: boolean
}

export function BackupCard({ mesh, identity, isLocked }: BackupCardProps) {
  const [passphrase, setPassphrase] = useState('')
  const [again, setAgain] = useState('')
  const [isSaved, setSaved] = useState(false)
  const { isBusy, problem, run } = useAction()
  const announce = useAnnounce()

  const isTooShort = passphrase.length < minPassphraseLength
  const hint =
    isSaved && passphrase === ''
      ? 'It is saved with your downloads. Keep it apart from its passphrase.'
      : isTooShort
        ? `At least ${minPassphraseLength} characters; four words that nobody would guess are good.`
        : passphrase === again
          ? 'Keep it apart from the file. Without it nobody can open the file, you neither.'
          : 'The two are not the same yet.'

  const save = async (event: Event) => {
    event.preventDefault()
    const isDone = await run(async () => {
      saveFile(`handfast-${ownName}.age`, await mesh.exportBackup({ passphrase }))
    })
    if (!isDone) return
    setSaved(true)
    setPassphrase('')
    setAgain('')
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
        <PassphraseField
          label="Passphrase"
          isNew
          value={passphrase}
          setValue={setPassphrase}
          describedBy="backup-hint"
        />
        <PassphraseField label="The same again" isNew value={again} setValue={setAgain} />
        <p class="hint muted" id="backup-hint">
          {hint}
        </p>
        {problem && <ProblemNote problem={problem} />}
        <div class="actions">
          <button
            type="submit"
            class="button"
            disabled={isBusy || isLocked || isTooShort || passphrase !== again}
          >
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
