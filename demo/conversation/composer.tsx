/** Where a message is written or a file chosen. Enter sends, Shift with Enter starts a new line. */

import { useRef, useState } from 'preact/hooks'
import { Icon } from '../ui/icon.tsx'

const maxTextLength = 10_000

interface ComposerProps {
  called: string
  send(text: string): void
  sendFiles(files: Iterable<File>): void
}

export function Composer({ called, send, sendFiles }: ComposerProps) {
  const [text, setText] = useState('')
  const picker = useRef<HTMLInputElement>(null)
  const field = useRef<HTMLTextAreaElement>(null)

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
        // One goes on writing: on a phone, the keyboard stays.
        field.current?.focus()
      }}
    >
      <input
        ref={picker}
        type="file"
        multiple
        hidden
        aria-label={`File for ${called}`}
        onChange={({ currentTarget }) => {
          sendFiles(currentTarget.files ?? [])
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
        ref={field}
        id="composer-text"
        rows={1}
        maxLength={maxTextLength}
        placeholder={`Message to ${called}`}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onPaste={(event) => {
          const files = event.clipboardData?.files
          if (!files || files.length === 0) return
          event.preventDefault()
          sendFiles(files)
        }}
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
