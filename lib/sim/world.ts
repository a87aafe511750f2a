/** The simulated world: peers, their disks, relays and channels on one time line, under one seed. */

import { HandfastError } from '../base/errors.ts'
import { ready } from '../crypto/sodium.ts'
import { maxPactsPerPeer } from '../base/limits.ts'
import { Checker } from './checker.ts'
import { Disk } from './disk.ts'
import { Faults, maxSkewMs, type FaultKind } from './faults.ts'
import { badDay, Peer } from './peer.ts'
import type { Process } from './process.ts'
import { Random } from './random.ts'
import { SimRelay, type NetworkParts } from './relay.ts'
import { TimeLine } from './time-line.ts'
import { Trace } from './trace.ts'
import { SimNetwork } from './transport.ts'

/** What `World.create` takes. */
export interface WorldOptions {
  /** The same seed is the same world. */
  readonly seed: number
  /** How many. */
  readonly peers: number
  /** Which faults are injected by themselves. Default none. */
  readonly faults?: Iterable<FaultKind>
  /** Default 2. */
  readonly relays?: number
  /** How far each clock is ahead, by peer. Default: at random within `maxSkewMs` where clocks are skewed. */
  readonly skewsMs?: readonly number[]
}

/** Tickets outlast the difference of any two clocks. */
const ticketLifetimeMs = 7 * 24 * 3600_000
const retryMs = 3_000

/** Simulated peers with their disks, relays and channels, for scenarios of one's own: acquaint them, have them send, let time pass, look at `checker.violations`. */
export class World {
  /** @internal */
  readonly line = new TimeLine()
  /** What happened, as one hash. */
  readonly trace = new Trace()
  /** @internal */
  readonly faults: Faults
  /** What must hold of messages, and whether it did. */
  readonly checker = new Checker()
  /** @internal */
  readonly random: Random
  /** @internal */
  readonly network: SimNetwork
  /** @internal */
  readonly relays: readonly SimRelay[]
  /** Those asked for, `p0` first. */
  readonly peers: Peer[] = []
  /** @internal Who is on the smaller side of a partition. */
  readonly apart = new Set<string>()
  readonly #reportError = globalThis.reportError

  private constructor(options: WorldOptions) {
    const { seed, peers, faults = [], relays = 2, skewsMs = [] } = options
    this.faults = new Faults(faults)
    this.random = new Random(seed)
    const parts = (): NetworkParts => ({
      line: this.line,
      random: this.random.fork(),
      faults: this.faults,
      isCut: (one, other) => this.#isCut(one, other),
    })
    this.network = new SimNetwork(parts())
    this.relays = Array.from({ length: relays }, () => new SimRelay(parts()))
    for (let i = 0; i < peers; i++) {
      const skew = this.random.between(-maxSkewMs, maxSkewMs)
      const skewMs = skewsMs[i] ?? (this.faults.inject('skew') ? skew : 0)
      const disk = new Disk(this.random.fork(), this.faults)
      this.peers.push(new Peer(this, `p${i}`, this.random.fork(), disk, skewMs))
    }
  }

  /** Close it, since what handlers throw is caught meanwhile instead of ending the program. */
  static async create(options: WorldOptions): Promise<World> {
    await ready()
    const world = new World(options)
    globalThis.reportError = (error) => world.#report(error)
    return world
  }

  /** What the injected faults make the library report is no surprise; anything else is. */
  #report(error: unknown): void {
    this.trace.add(this.line.nowMs, '-', 'reported', String(error))
    const isStorage = error instanceof HandfastError && error.code === 'storage-failed'
    if (error === badDay || (isStorage && this.faults.counts.has('store-failure'))) return
    this.checker.violations.push(`reported: ${String(error)}`)
  }

  /** Gives back what handlers throw to the program. */
  close(): void {
    globalThis.reportError = this.#reportError
  }

  /** Has one invite the other, who keeps trying with that one ticket until each has a link. */
  acquaint(one: Peer, other: Peer): void {
    let trying: readonly [Process, Process] | undefined
    let ticket: string | undefined
    const isOver = () => !trying || trying.some((process) => !process.isAlive)
    const attempt = async () => {
      ticket ??= (await one.mesh!.invite({ expiresInMs: ticketLifetimeMs })).toString()
      await other.mesh!.accept(ticket)
    }
    const look = () => {
      if (one.linkTo(other) && other.linkTo(one)) return
      const isReady = one.mesh && other.mesh && one.process.isUp && other.process.isUp
      if (isReady && isOver()) {
        const mine = (trying = [one.process, other.process])
        const end = () => {
          if (trying === mine) trying = undefined
        }
        attempt().then(end, end)
      }
      this.line.after(retryMs, look)
    }
    this.line.after(0, look)
  }

  /** Lets `ms` pass, or as much as it takes until `isDone`. */
  async pass(ms: number, isDone?: () => boolean): Promise<void> {
    await this.line.run(this.line.nowMs + ms, isDone)
  }

  /** No more faults, everybody up and awake and together. */
  heal(): void {
    this.faults.isOver = true
    this.apart.clear()
    for (const { process } of this.peers) {
      process.crashAt(Infinity)
      process.wake()
    }
  }

  /** What must hold of every pair once all has settled. */
  checkLinks(pairs: readonly (readonly [Peer, Peer])[]): void {
    const { violations } = this.checker
    for (const [one, other] of pairs) {
      const name = `${one.name}-${other.name}`
      const states = [one.linkTo(other)?.state, other.linkTo(one)?.state]
      const ends = (from: Peer, to: Peer) =>
        this.network.channelsOf(from.process).filter(({ peer }) => peer!.process === to.process)
      const [there, back] = [ends(one, other), ends(other, one)]
      if (states.includes(undefined)) violations.push(`${name}: no link`)
      if (there.length > 1) violations.push(`${name}: ${there.length} sessions`)
      if (there.length !== back.length) violations.push(`${name}: a session of one side`)
      const expected = there.length > 0 ? ['open'] : ['idle', 'pending']
      for (const state of states) {
        if (state && !expected.includes(state)) violations.push(`${name}: ${states.join('/')}`)
      }
    }
  }

  /** What must hold of every disk once all has settled: nothing is kept of messages that were handled. */
  checkDisks(): void {
    for (const { name, disk } of this.peers) {
      const segments = disk.keys('outbox').filter((key) => key.includes('/'))
      const logs = disk.keys('outbox').length - segments.length
      const contacts = disk.keys('contacts').length
      const peers = this.peers.length - 1
      const isBounded =
        Math.max(logs, disk.keys('inbox').length) <= peers && contacts <= peers * maxPactsPerPeer
      if (segments.length > 0) this.checker.violations.push(`${name}: messages are left in storage`)
      if (!isBounded) this.checker.violations.push(`${name}: too many records`)
    }
  }

  #isCut(one: Process, other: Process): boolean {
    return this.apart.has(one.name) !== this.apart.has(other.name)
  }
}
