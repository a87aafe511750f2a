/** Who this tab is, and the ways to its keys and to what happened to them. */

import type { PeerId } from 'handfast'
import { CopyButton } from './ui/copy-button.tsx'
import type { Place } from './use-place.ts'
import { Icon, type IconName } from './ui/icon.tsx'
import { shortPeer } from './people/names.ts'
import { ownName } from './page-address.ts'
import { Weave } from './ui/weave.tsx'

const ways: { at: 'keys' | 'log' | 'strangers'; icon: IconName; word: string }[] = [
  { at: 'keys', icon: 'key', word: 'Keys and devices' },
  { at: 'log', icon: 'log', word: 'Security log' },
  { at: 'strangers', icon: 'share', word: 'Strangers' },
]

interface YouProps {
  peer: PeerId
  place: Place
  go(place: Place): void
}

export function You({ peer, place, go }: YouProps) {
  return (
    <section class="you-and-keys" aria-labelledby="you-title">
      <div class="you">
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
      </div>
      <nav class="ways" aria-label="Yours">
        {ways.map(({ at, icon, word }) => (
          <button
            key={at}
            type="button"
            class="way"
            aria-current={place.at === at ? 'page' : undefined}
            onClick={() => go({ at })}
          >
            <Icon name={icon} />
            {word}
          </button>
        ))}
      </nav>
    </section>
  )
}
