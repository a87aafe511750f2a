/** Where a message is written. Enter sends, Shift with Enter starts a new line. */

import { useState } from 'preact/hooks'
import { Icon } from './icon.tsx'

const maxTextLength = 10_000

export function Composer({ called, send }: { called: string; send(text: string): void }) {
  const [text, setText] = useState('')

  const submit = () => {
    if (text.trim() === '') return
    send(text.trim())
    setText('')
  }

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      <label class="visually-hidden" for="composer-text">
        Message to {called}
      </label>
      <textarea
        id="composer-text"
        rows={1}
        maxLength={maxTextLength}
        placeholder={`Message to ${called}`}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          // While an input method composes, Enter belongs to it.
          if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
          event.preventDefault()
          submit()
        }}
      />
      <button type="submit" class="button primary round" aria-label="Send">
        <Icon name="send" />
      </button>
    </form>
  )
}
