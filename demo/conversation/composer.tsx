/** Where a message is written or a file chosen. Enter sends, Shift with Enter starts a new line. */

import { useRef, useState } from 'preact/hooks'
import { Icon } from '../ui/icon.tsx'

const maxTextLength = 10_000

interface ComposerProps {
  called: string
  send(text: string): void
  sendFile(file: File): void
}

export function Composer({ called, send, sendFile }: ComposerProps) {
  const [text, setText] = useState('')
  const picker = useRef<HTMLInputElement>(null)

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
      <input
        ref={picker}
        type="file"
        hidden
        aria-label={`File for ${called}`}
        onChange={({ currentTarget }) => {
          const [file] = currentTarget.files ?? []
          if (file) sendFile(file)
          currentTarget.value = ''
        }}
      />
      <button
        type="button"
        class="button bare round"
        aria-label="Send a file"
        title="Send a file"
        onClick={() => picker.current?.click()}
      >
        <Icon name="clip" />
      </button>
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
