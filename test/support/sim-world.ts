/** A simulated world for the length of one piece of work, and what tests ask of it. */

import type { Peer } from '../../lib/sim/index.ts'
import { World, type WorldOptions } from '../../lib/sim/index.ts'

export type Pair = readonly [Peer, Peer]

export async function inWorld<T>(
  options: WorldOptions,
  work: (world: World) => Promise<T>,
): Promise<T> {
  const world = await World.create(options)
  try {
    return await work(world)
  } finally {
    world.close()
  }
}

export const isOpen = ([one, other]: Pair): boolean =>
  one.linkTo(other)?.state === 'open' && other.linkTo(one)?.state === 'open'

/** Both sides see the session end at once. */
export function cut(world: World, pairs: readonly Pair[]): void {
  for (const [one, other] of pairs) {
    for (const end of world.network.channelsOf(one.process)) {
      if (end.peer!.process !== other.process) continue
      end.noticeEnd()
      end.peer!.noticeEnd()
    }
  }
}

/** Faults are over; everything that was accepted is handled; what was left silent is noticed. Returns what did not hold, the first of it. */
export async function violationsOf(world: World, pairs: readonly Pair[]): Promise<string[]> {
  world.heal()
  const { checker } = world
  const isSettled = () =>
    checker.waiting === 0 && pairs.every(([one, other]) => one.linkTo(other) && other.linkTo(one))
  await world.pass(600_000, isSettled)
  await world.pass(60_000)
  checker.finish()
  world.checkLinks(pairs)
  world.checkDisks()
  return checker.violations.slice(0, 20)
}
