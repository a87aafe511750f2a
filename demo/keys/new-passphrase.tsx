/** A new passphrase, typed twice, with what is still to be done about it. */

import { useId, useState } from 'preact/hooks'
import { PassphraseField } from '../ui/passphrase-field.tsx'

/** Guessing takes a good part of a second a try, for whoever has what it protects. */
const minLength = 10

export function useNewPassphrase() {
  const [passphrase, setPassphrase] = useState('')
  const [again, setAgain] = useState('')
  const isLong = passphrase.length >= minLength
  return {
    passphrase,
    again,
    setPassphrase,
    setAgain,
    isLong,
    isReady: isLong && passphrase === again,
    clear() {
      setPassphrase('')
      setAgain('')
    },
  }
}

interface NewPassphraseProps {
  label: string
  entry: ReturnType<typeof useNewPassphrase>
  /** Said in place of how long it has to be, while nothing is typed. */
  done?: string | undefined
  /** Said when all is well. */
  advice: string
}

export function NewPassphrase({ label, entry, done, advice }: NewPassphraseProps) {
  const id = useId()
  const { passphrase, again, isLong, isReady } = entry
  const hint = isReady
    ? advice
    : isLong
      ? 'The two are not the same yet.'
      : passphrase === '' && done
        ? done
        : `At least ${minLength} characters; four words that nobody would guess are good.`
  return (
    <>
      <PassphraseField
        label={label}
        isNew
        value={passphrase}
        setValue={entry.setPassphrase}
        describedBy={id}
      />
      <PassphraseField label="The same again" isNew value={again} setValue={entry.setAgain} />
      <p class="hint muted" id={id}>
        {hint}
      </p>
    </>
  )
}
