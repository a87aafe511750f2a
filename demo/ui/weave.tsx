/**
 * A key as a patch of basket weave, so that people can be told apart at a glance. Sixteen crossings, one bit of the key
 * each: a help for the eye, no proof of anything.
 */

import type { PeerId } from 'handfast'

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const crossings = Array.from({ length: 16 }, (_, index) => index)

export function Weave({ peer, size = 40 }: { peer: PeerId; size?: number }) {
  // Six bits a character, four of them used: the first four characters give the sixteen.
  const isHorizontal = (index: number) =>
    ((alphabet.indexOf(peer[index >> 2] ?? 'A') >> (index & 3)) & 1) === 1
  const strands = (horizontal: boolean) =>
    crossings
      .filter((index) => isHorizontal(index) === horizontal)
      .map((index) => {
        const x = (index & 3) * 10
        const y = (index >> 2) * 10
        return horizontal ? `M${x} ${y + 1.5}h10v7h-10z` : `M${x + 1.5} ${y}h7v10h-7z`
      })
      .join('')
  return (
    <svg class="weave" viewBox="-5 -5 50 50" width={size} height={size} aria-hidden="true">
      <path class="weave-warp" d={strands(false)} />
      <path class="weave-weft" d={strands(true)} />
    </svg>
  )
}
