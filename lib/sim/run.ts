/** A run: peers that know some of each other send messages for a while, as all goes wrong that may; then it stops and all must settle. */

import { faultKinds, faultTimes, survivableFaults, type FaultKind } from './faults.ts'
import type { Peer } from './peer.ts'
import { World } from './world.ts'

/** What `run` takes. */
export interface RunOptions {
  /** The same seed is the same run, on every machine. */
  readonly seed: number
  /** Default 10. */
  readonly peers?: number
  /** Simulated minutes under faults. Default 2. */
  readonly minutes?: number
  /** Default: all but crashes. */
  readonly faults?: readonly FaultKind[]
}

/** What came of a run. */
export interface Report {
  /** As asked for. */
  readonly seed: number
  /** As asked for. */
  readonly peers: number
  /** As asked for. */
  readonly minutes: number
  /** As asked for. */
  readonly faults: readonly FaultKind[]
  /** What was injected, by kind. */
  readonly injected: Readonly<Partial<Record<FaultKind, number>>>
  /** Messages that were on disk at their sender. */
  readonly accepted: number
  /** Messages whose handler returned. */
  readonly handled: number
  /** Of these, how many were given again. */
  readonly redelivered: number
  /** Events by kind. */
  readonly events: Readonly<Record<string, number>>
  /** Empty: all held. */
  readonly violations: readonly string[]
  /** Two runs with the same hash did the same. */
  readonly traceHash: string
}

/** Links a peer, on average. */
const degree = 4
/** Mean time between two messages of one peer on one link. */
const sendEveryMs = 10_000
/** Enough for the longest wait between two dials, and between two tries of a handler that threw. */
const settleMs = 10 * 60_000
/** Peers that `faultTimes` speaks of. */
const faultTimesPeers = 50
const maxEffectsToCrash = 60

/** Runs peers that send messages under faults, heals them, and reports what held. */
export async function run(options: RunOptions): Promise<Report> {
  const { seed, peers: count = 10, minutes = 2, faults = survivableFaults } = options
  const world = await World.create({ seed, peers: count, faults })
  try {
    const pairs = choosePairs(world)
    const untilMs = minutes * 60_000
    for (const [one, other] of pairs) {
      world.acquaint(one, other)
      repeat(world, sendEveryMs, untilMs, () => one.send(other))
      repeat(world, sendEveryMs, untilMs, () => other.send(one))
    }
    for (const kind of timedKinds) {
      if (!world.faults.has(kind)) continue
      const everyMs = (faultTimes[kind].everyMs * faultTimesPeers) / count
      repeat(world, everyMs, untilMs, () => strike(world, kind))
    }
    await world.pass(untilMs)
    world.heal()
    const isLinked = () => pairs.every(([a, b]) => a.linkTo(b) && b.linkTo(a))
    await world.pass(settleMs, () => isLinked() && world.checker.waiting === 0)
    // Sessions that a glare has left over end; what is silent is noticed.
    await world.pass(60_000)
    world.checker.finish()
    world.checkLinks(pairs)
    world.checkDisks()
    return {
      seed,
      peers: count,
      minutes,
      faults,
      injected: Object.fromEntries(world.faults.counts),
      accepted: world.checker.accepted,
      handled: world.checker.handled,
      redelivered: world.checker.redelivered,
      events: Object.fromEntries(world.trace.counts),
      violations: world.checker.violations,
      traceHash: world.trace.hash,
    }
  } finally {
    world.close()
  }
}

/**
 * Finds a smaller run that still fails: without one kind of fault after the other, then for half the time as long as that fails.
 * Returns the report of the smallest, or of the run itself when nothing failed. `execute` is what is tried.
 */
export async function shrink(options: RunOptions, execute = run): Promise<Report> {
  let smallest = await execute(options)
  if (smallest.violations.length === 0) return smallest
  for (const kind of faultKinds) {
    if (!smallest.faults.includes(kind)) continue
    const faults = smallest.faults.filter((other) => other !== kind)
    const tried = await execute({ ...smallest, faults })
    if (tried.violations.length > 0) smallest = tried
  }
  while (smallest.minutes > 0.25) {
    const tried = await execute({ ...smallest, minutes: smallest.minutes / 2 })
    if (tried.violations.length === 0) break
    smallest = tried
  }
  return smallest
}

type TimedKind = keyof typeof faultTimes
const timedKinds = Object.keys(faultTimes) as TimedKind[]

/** A ring, so that everybody has somebody, and some across it. */
function choosePairs({ peers, random }: World): [Peer, Peer][] {
  const pairs = new Map<string, [Peer, Peer]>()
  const add = (i: number, j: number) => {
    if (i !== j) pairs.set(`${Math.min(i, j)}-${Math.max(i, j)}`, [peers[i]!, peers[j]!])
  }
  for (let i = 0; i < peers.length; i++) {
    add(i, (i + 1) % peers.length)
    for (let more = 2; more < degree; more += 2) add(i, random.below(peers.length))
  }
  return [...pairs.values()]
}

/** Again and again at random times, `everyMs` apart on average. Plain arithmetic, which every machine does alike. */
function repeat({ line, random }: World, everyMs: number, untilMs: number, act: () => void): void {
  const own = random.fork()
  const next = () => {
    const delayMs = own.between(0, 2 * everyMs)
    if (line.nowMs + delayMs >= untilMs) return
    line.after(delayMs, () => {
      act()
      next()
    })
  }
  next()
}

function strike(world: World, kind: TimedKind): void {
  const { line, random, faults, network, peers, relays, apart, trace } = world
  const { lastsMs } = faultTimes[kind]
  const peer = random.pick(peers)!
  const channel = random.pick(network.channels)
  const strikes: Record<TimedKind, () => boolean> = {
    partition() {
      if (apart.size > 0) return false
      for (const { name } of peers) if (random.chance(0.3)) apart.add(name)
      line.after(lastsMs, () => apart.clear())
      return apart.size > 0
    },
    'relay-restart'() {
      random.pick(relays)!.restart(lastsMs)
      return true
    },
    cut() {
      channel?.noticeEnd()
      channel?.peer!.noticeEnd()
      return channel !== undefined
    },
    silence() {
      channel?.goSilent()
      return channel !== undefined
    },
    sleep() {
      const { process } = peer
      if (!process.isUp) return false
      process.sleep()
      line.after(random.between(0.1, 2) * lastsMs, () => process.wake())
      return true
    },
    crash() {
      const { process } = peer
      if (!process.isAlive) return false
      process.crashAt(1 + random.below(maxEffectsToCrash))
      return true
    },
  }
  if (strikes[kind]() && faults.inject(kind)) trace.add(line.nowMs, '-', kind)
}
