/**
 * Crash points: one scenario, in which two peers start, get acquainted, send both ways and lose their session once, is run to count the
 * effects of each side (storage asked, committed, known to be committed; packet or frame sent; handler called and returned), then again
 * and again with one side crashing at one of them. Nothing outside sees what happens between two effects.
 */

import type { FaultKind } from './faults.ts'
import type { Peer } from './peer.ts'
import { World } from './world.ts'

/** Side 0 invites. Effects count from 1. */
export interface CrashPoint {
  /** Whose process crashes. */
  readonly side: 0 | 1
  /** Before which of its effects. */
  readonly effect: number
}

/** What came of one scenario. */
export interface CrashReport {
  /** Effects of each side, of those processes that were there at the beginning. */
  readonly effects: readonly [number, number]
  /** Whether the point was reached. */
  readonly hasCrashed: boolean
  /** Messages that were on disk at their sender. */
  readonly accepted: number
  /** Messages whose handler returned. */
  readonly handled: number
  /** Of these, how many were given again. */
  readonly redelivered: number
  /** What did not hold. Empty: all held. */
  readonly violations: readonly string[]
  /** Two runs with the same hash did the same. */
  readonly traceHash: string
}

/** What goes wrong besides, with every other seed. */
const otherFaults: readonly FaultKind[] = [
  'loss',
  'duplication',
  'reordering',
  'corruption',
  'frame-delay',
  'store-failure',
  'store-latency',
  'handler-failure',
  'skew',
]
const burst = 2
const betweenBurstsMs = 60
const bursts = 4
/** The burst before which the session is cut. */
const cutBefore = 2
/** Enough for a crash, a start, and the longest waits of dials that follow. */
const patienceMs = 10 * 60_000

/** Runs the scenario under a seed, with a crash at `point`, or without one to count effects. */
export async function crashRun(seed: number, point?: CrashPoint): Promise<CrashReport> {
  const faults = seed % 2 === 0 ? otherFaults : []
  const world = await World.create({ seed, peers: 2, relays: 1, faults })
  try {
    const [one, other] = world.peers as [Peer, Peer]
    const processes = [one.process, other.process]
    const base = processes.map(({ effects }) => effects)
    if (point) processes[point.side]!.crashAt(point.effect - base[point.side]!)
    world.acquaint(one, other)
    const isOpen = () => one.linkTo(other)?.state === 'open' && other.linkTo(one)?.state === 'open'
    await world.pass(patienceMs, isOpen)
    for (let sent = 0; sent < bursts; sent++) {
      await world.pass(betweenBurstsMs)
      if (sent === cutBefore) {
        for (const channel of world.network.channels) {
          channel.noticeEnd()
          channel.peer!.noticeEnd()
        }
      }
      for (let i = 0; i < burst; i++) {
        one.send(other)
        other.send(one)
      }
    }
    // What was handled is stored, acknowledged and deleted.
    await settle(world, one, other)
    const effects = processes.map(({ effects }) => effects) as [number, number]
    world.heal()
    // A link that has come through goes on.
    one.send(other)
    other.send(one)
    await settle(world, one, other)
    // What a crash has left silent is noticed.
    await world.pass(30_000)
    world.checker.finish()
    world.checkLinks([[one, other]])
    world.checkDisks()
    const { checker, trace } = world
    const { accepted, handled, redelivered, violations } = checker
    const hasCrashed = processes.some(({ isAlive }) => !isAlive)
    return {
      effects,
      hasCrashed,
      accepted,
      handled,
      redelivered,
      violations,
      traceHash: trace.hash,
    }
  } finally {
    world.close()
  }
}

async function settle(world: World, one: Peer, other: Peer): Promise<void> {
  const isSettled = () =>
    one.linkTo(other)?.queued === 0 &&
    other.linkTo(one)?.queued === 0 &&
    world.checker.waiting === 0
  await world.pass(patienceMs, isSettled)
  await world.pass(500)
}
