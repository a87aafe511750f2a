/** Before somebody new comes to be: whether they are meant, or one of those who are here. */

import { useEffect, useRef } from 'preact/hooks'
import { pageFor } from '../page-address.ts'
import { rememberedName } from './names.ts'

interface UnknownPersonPageProps {
  name: string
  others: readonly string[]
  create(): void
}

export function UnknownPersonPage({ name, others, create }: UnknownPersonPageProps) {
  const title = useRef<HTMLHeadingElement>(null)
  useEffect(() => title.current?.focus(), [])
  return (
    <main class="narrow" aria-labelledby="unknown-title">
      <section class="card">
        <h2 id="unknown-title" ref={title} tabIndex={-1}>
          Nobody called “{name}” is here yet
        </h2>
        <div class="stack">
          <p class="lead">
            The address you opened names somebody new. Each person in this browser has keys, people
            and messages of their own.
          </p>
          <div class="actions">
            <button type="button" class="button primary" onClick={create}>
              Be “{name}”, somebody new
            </button>
            {others.map((other) => (
              <a key={other} class="button" href={pageFor(other) + location.hash}>
                Open as {rememberedName(other)}
              </a>
            ))}
          </div>
        </div>
      </section>
    </main>
  )
}
