/** Asking somebody whom you have not met, without saying who you are. */

import { Address, ask } from 'handfast'
import { useState } from 'preact/hooks'
import { useAction } from '../ui/use-action.ts'
import { cleanName, shortPeer } from '../people/names.ts'
import { PastedField } from '../ui/pasted-field.tsx'

const patienceMs = 10_000

export function AskCard() {
  const [text, setText] = useState('')
  const [answer, setAnswer] = useState<string>()
  const { isBusy, problem, run, dismiss } = useAction()

  const submit = (event: Event) => {
    event.preventDefault()
    setAnswer(undefined)
    void run(async () => {
      const address = await Address.parse(text)
      const name = await ask(address, 'name', null, { timeoutMs: patienceMs })
      setAnswer(`${cleanName(name) ?? 'Somebody without a name'}, ${shortPeer(address.peer)}`)
    })
  }

  return (
    <section class="card" aria-labelledby="ask-title">
      <h3 id="ask-title">Ask a stranger</h3>
      <form class="stack" onSubmit={submit}>
        <PastedField
          label="Address that you found"
          placeholder="hfa1…"
          value={text}
          setValue={(value) => {
            setText(value)
            dismiss()
          }}
          problem={problem}
        />
        <p role="status">{answer !== undefined && <>This is {answer}, and they are here.</>}</p>
        <div class="actions">
          <button type="submit" class="button" disabled={isBusy || text.trim() === ''}>
            {isBusy ? 'Asking…' : 'Ask for the name'}
          </button>
        </div>
      </form>
    </section>
  )
}
