/** A file among the messages: while it is under way with how far it is, and the way to stop it; one that was received can be saved. */

import { useEffect, useRef, useState } from 'preact/hooks'
import { Icon } from '../ui/icon.tsx'
import { keepFocus } from '../ui/keep-focus.ts'
import { saveFile } from '../ui/save-file.ts'
import { sizeWords } from '../ui/size-words.ts'
import { timeLeft } from '../ui/time-left.ts'
import { splitFileName } from './file-name.ts'
import type { FileNote } from './file-note.ts'
import { isShownAtOnce, type Picture } from './picture.ts'
import { useTransfer, type Transfer, type Transfers } from './transfers.ts'

interface FileMessageProps extends FileNote {
  /** Of its entry in the history. */
  entryKey: string
  called: string
  transfers: Transfers
  /** Of one's own that did not get there. */
  sendAgain: (() => void) | undefined
  /** What did not get there, in either direction. */
  remove: (() => void) | undefined
}

export function FileMessage(props: FileMessageProps) {
  const { file, entryKey, called, transfers, sendAgain, remove } = props
  const transfer = useTransfer(transfers, entryKey)
  const { name, size, content } = file
  const [head, tail] = splitFileName(name)
  const line = useRef<HTMLSpanElement>(null)
  const hasActed = useRef(false)
  const isUnderWay = transfer !== undefined
  // The button that was pressed is gone then.
  useEffect(() => {
    if (!hasActed.current) return
    hasActed.current = false
    keepFocus(line.current?.querySelector('button'))
  }, [isUnderWay])
  return (
    <>
      {content && file.picture && <Preview name={name} content={content} picture={file.picture} />}
      <span class="file" ref={line}>
        <Icon name="file" />
        <span class="file-text">
          <span class="file-name" title={name}>
            <span class="visually-hidden">{name}</span>
            <span aria-hidden="true">{head}</span>
            <span aria-hidden="true">{tail}</span>
          </span>
          {transfer ? (
            <Progress name={name} called={called} transfer={transfer} />
          ) : (
            <span class="file-size">{sizeWords(size)}</span>
          )}
        </span>
        {transfer && transfer.phase !== 'finishing' && (
          <button
            type="button"
            class="button"
            aria-label={`Cancel ${name}`}
            onClick={() => {
              hasActed.current = true
              transfer.cancel()
            }}
          >
            Cancel
          </button>
        )}
        {!transfer && content && (
          <button
            type="button"
            class="button"
            aria-label={`Save ${name}`}
            onClick={() => saveFile(name, content)}
          >
            Save
          </button>
        )}
        {!transfer && sendAgain && (
          <button
            type="button"
            class="button"
            aria-label={`Send ${name} again`}
            onClick={() => {
              hasActed.current = true
              sendAgain()
            }}
          >
            Again
          </button>
        )}
        {!transfer && remove && (
          <button type="button" class="button" aria-label={`Remove ${name}`} onClick={remove}>
            Remove
          </button>
        )}
      </span>
    </>
  )
}

interface ProgressProps {
  name: string
  called: string
  transfer: Transfer
}

function Progress({ name, called, transfer }: ProgressProps) {
  const { phase, moved, size, bytesPerSecond } = transfer
  const left = bytesPerSecond > 0 ? timeLeft(((size - moved) / bytesPerSecond) * 1000) : undefined
  const words = {
    waiting: `${sizeWords(size)} · waiting for ${called}`,
    moving: [
      `${sizeWords(moved)} of ${sizeWords(size)}`,
      bytesPerSecond > 0 && `${sizeWords(bytesPerSecond)}/s`,
      left && `${left} left`,
    ]
      .filter(Boolean)
      .join(' · '),
    finishing: `${sizeWords(size)} · being kept…`,
  }
  return (
    // Not to be read out with every change.
    <span class="file-progress" aria-live="off">
      <progress aria-label={`Progress of ${name}`} max={Math.max(size, 1)} value={moved} />
      <span class="file-size">{words[phase]}</span>
    </span>
  )
}

interface PreviewProps {
  name: string
  content: Blob
  picture: Picture
}

/** In pixels. */
const maxPreview = { width: 360, height: 300 }

/** As large as it will be before it is there, and whatever it turns out to be. */
function Preview({ name, content, picture }: PreviewProps) {
  const { type, width, height } = picture
  const [isShown, setShown] = useState(isShownAtOnce(picture))
  const [isBroken, setBroken] = useState(false)
  const [url, setUrl] = useState<string>()
  const box = useRef<HTMLSpanElement>(null)
  useEffect(() => {
    if (!isShown) return
    const made = URL.createObjectURL(content.slice(0, content.size, type))
    setUrl(made)
    return () => URL.revokeObjectURL(made)
  }, [content, type, isShown])
  const scale = Math.min(1, maxPreview.width / width, maxPreview.height / height)
  return (
    <span
      ref={box}
      class={isShownAtOnce(picture) ? 'file-picture' : 'file-picture large'}
      style={{ width: `${width * scale}px`, aspectRatio: `${width} / ${height}` }}
      tabIndex={-1}
    >
      {isBroken ? (
        'This picture can’t be shown.'
      ) : isShown ? (
        url && (
          <img
            src={url}
            loading="lazy"
            decoding="async"
            alt={`Picture ${name}`}
            onError={() => setBroken(true)}
          />
        )
      ) : (
        <button
          type="button"
          class="button"
          aria-label={`Show picture ${name}`}
          onClick={() => {
            setShown(true)
            box.current?.focus({ preventScroll: true })
          }}
        >
          Show picture
          <span class="file-size">
            {width} × {height}
          </span>
        </button>
      )}
    </span>
  )
}
