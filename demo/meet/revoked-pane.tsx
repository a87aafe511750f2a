/** In place of the forms, on a device that was shut out: none of them could work. */

import type { RefObject } from 'preact'

export function RevokedPane({ title }: { title: RefObject<HTMLHeadingElement | null> }) {
  return (
    <div class="pane-intro">
      <h2 id="pane-title" ref={title} tabIndex={-1}>
        This device meets nobody
      </h2>
      <p class="lead">
        Another device of yours has revoked it, for good: it can neither invite nor accept, and
        whoever you know lets it in no more. What was said here can still be read. To go on in this
        browser, come back as a new device.
      </p>
    </div>
  )
}
