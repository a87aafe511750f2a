/** Why the page could not open, and the ways on from there. */

import { useEffect, useRef } from 'preact/hooks'
import { Icon } from './ui/icon.tsx'
import type { Problem } from './ui/problems.ts'

export function BootFailurePage({ failure, retry }: { failure: Problem; retry(): void }) {
  const title = useRef<HTMLHeadingElement>(null)
  useEffect(() => title.current?.focus(), [])

  return (
    <main class="splash">
      <section class="card failure" role="alert">
        <Icon name="warning" size={32} />
        <h2 ref={title} tabIndex={-1}>
          {failure.title}
        </h2>
        <p>{failure.advice}</p>
        <div class="actions">
          <button type="button" class="button" onClick={retry}>
            Try again
          </button>
        </div>
      </section>
    </main>
  )
}
