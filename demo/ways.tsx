/** The ways through the page: in the sidebar, and on phones in a bar at the bottom. */

import { Icon, type IconName } from './ui/icon.tsx'
import type { Place } from './use-place.ts'

type Spot = Exclude<Place, { peer: unknown }>['at']

interface Way {
  at: Spot
  icon: IconName
  word: string
}

const wallet: Way = { at: 'wallet', icon: 'wallet', word: 'Wallet' }

const yours: readonly Way[] = [
  { at: 'keys', icon: 'key', word: 'Keys and devices' },
  { at: 'log', icon: 'log', word: 'Security log' },
  { at: 'strangers', icon: 'share', word: 'Strangers' },
  { at: 'mesh', icon: 'mesh', word: 'Mesh' },
  { at: 'settings', icon: 'settings', word: 'Settings' },
]

const onPhones: readonly Way[] = [
  { at: 'people', icon: 'people', word: 'People' },
  wallet,
  { at: 'meet', icon: 'plus', word: 'Meet' },
  { at: 'more', icon: 'more', word: 'More' },
]

interface WaysProps {
  place: Place
  /** How much waits for an answer in the wallet. */
  waiting?: number
  go(place: Place): void
}

function WayButtons({ ways, place, waiting = 0, go }: WaysProps & { ways: readonly Way[] }) {
  return ways.map(({ at, icon, word }) => (
    <button
      key={at}
      type="button"
      class="way"
      aria-current={place.at === at ? 'page' : undefined}
      onClick={() => go({ at })}
    >
      <Icon name={icon} />
      {word}
      {at === 'wallet' && waiting > 0 && (
        <span class="badge">
          {waiting}
          <span class="visually-hidden"> waiting for you</span>
        </span>
      )}
    </button>
  ))
}

export function WalletWay(props: WaysProps) {
  return (
    <nav class="ways way-to-wallet" aria-label="Money">
      <WayButtons ways={[wallet]} {...props} />
    </nav>
  )
}

export function Ways(props: WaysProps) {
  return (
    <nav class="ways" aria-labelledby="ways-title">
      <h2 id="ways-title" class="eyebrow" tabIndex={-1}>
        Yours
      </h2>
      <WayButtons ways={yours} {...props} />
    </nav>
  )
}

export function PhoneBar({ place, waiting, go }: WaysProps & { waiting: number }) {
  const isInMore = yours.some(({ at }) => at === place.at)
  return (
    <nav class="phone-bar" aria-label="Main">
      <WayButtons
        ways={onPhones}
        place={isInMore ? { at: 'more' } : place}
        waiting={waiting}
        go={go}
      />
    </nav>
  )
}
