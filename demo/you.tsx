/** Who this tab is. */

import type { PeerId } from 'handfast'
import { CopyButton } from './ui/copy-button.tsx'
import { shortPeer } from './people/names.ts'
import { ownName } from './page-address.ts'
import { Weave } from './ui/weave.tsx'

export function You({ peer }: { peer: PeerId }) {
  return (
    <section class="you" aria-labelledby="you-title">
      <Weave peer={peer} size={56} />
      <div class="you-text">
        <h2 id="you-title" class="eyebrow">
          You are
        </h2>
        <p class="you-name">{ownName}</p>
        <p class="peer-id">
          <code title={peer}>{shortPeer(peer)}</code>
          <CopyButton bare text={peer} what="your whole id" />
        </p>
      </div>
    </section>
  )
}
