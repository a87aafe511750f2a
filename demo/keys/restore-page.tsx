/** Bringing somebody back into this browser: by recovery words, or by a backup with everybody they knew. */

import { Identity } from 'handfast'
import { useEffect, useRef, useState } from 'preact/hooks'
import { useAction } from '../ui/use-action.ts'
import { cleanName } from '../people/names.ts'
import { pageFor } from '../page-address.ts'
import { rememberPerson } from '../people/persons.ts'
import { OwnNameField } from './own-name-field.tsx'
import { PastedField } from '../ui/pasted-field.tsx'
import { PassphraseField } from '../ui/passphrase-field.tsx'
import { ProblemNote } from '../ui/problem-note.tsx'
import { codeOf } from '../ui/problems.ts'
import { Choice } from '../ui/choice.tsx'
import { Tick } from '../ui/tick.tsx'

type Source = 'backup' | 'words'

const sources: { label: string; value: Source }[] = [
  { label: 'A backup file', value: 'backup' },
  { label: 'Recovery words', value: 'words' },
]

export function RestorePage() {
  const [from, setFrom] = useState<Source>('backup')
  const [name, setName] = useState('')
  const [words, setWords] = useState('')
  const [backup, setBackup] = useState<File>()
  const [passphrase, setPassphrase] = useState('')
  const [keepRoot, setKeepRoot] = useState(false)
  /** The backup was made without the main key. */
  const [lacksRoot, setLacksRoot] = useState(false)
  const { isBusy, problem, run, dismiss } = useAction()
  const title = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = 'Restore · Handfast'
    title.current?.focus()
  }, [])

  const called = cleanName(name)
  const asksWords = from === 'words' || lacksRoot
  const isReady =
    called && (!asksWords || words.trim()) && (from === 'words' || (backup && passphrase))

  const restore = async (event: Event) => {
    event.preventDefault()
    if (!called) return
    const isRestored = await run(async () => {
      const file = from === 'backup' && {
        backup: new Uint8Array(await backup!.arrayBuffer()),
        backupPassphrase: passphrase,
      }
      const options = { name: called, keepRoot, ...file, ...(asksWords && { words }) }
      try {
        const identity = await Identity.restore(options)
        await identity.close()
      } catch (error) {
        if (codeOf(error) === 'no-root') setLacksRoot(true)
        throw error
      }
    })
    if (!isRestored) return
    rememberPerson(called)
    location.replace(pageFor(null))
  }

  return (
    <main class="narrow" aria-labelledby="restore-title">
      <section class="card">
        <h2 id="restore-title" ref={title} tabIndex={-1}>
          Come back
        </h2>
        <form class="stack" onSubmit={restore} onInput={dismiss}>
          <p class="lead">
            Your main key makes this browser a device of yours: the same you, for everybody you
            know.
          </p>
          <Choice<Source>
            legend="From"
            name="from"
            options={sources}
            value={from}
            setValue={setFrom}
          />
          {from === 'backup' && (
            <>
              <label class="field">
                <span>The file</span>
                <input
                  type="file"
                  accept=".age,.txt"
                  onChange={(event) => setBackup(event.currentTarget.files?.[0])}
                />
              </label>
              <PassphraseField label="Its passphrase" value={passphrase} setValue={setPassphrase} />
            </>
          )}
          {asksWords && (
            <PastedField
              label="The 24 words, in order"
              value={words}
              setValue={setWords}
              hint={
                from === 'words'
                  ? 'They bring you back, but nobody you know: meet them anew.'
                  : undefined
              }
            />
          )}
          <OwnNameField value={name} setValue={setName} />
          <Tick isTicked={keepRoot} setTicked={setKeepRoot}>
            Keep the main key in this browser, too (safer without)
          </Tick>
          {problem && <ProblemNote problem={problem} />}
          <div class="actions">
            <button type="submit" class="button primary" disabled={!isReady || isBusy}>
              {isBusy ? 'Opening…' : 'Restore'}
            </button>
            <a class="button plain" href={pageFor(null)}>
              Not now
            </a>
          </div>
        </form>
      </section>
    </main>
  )
}
