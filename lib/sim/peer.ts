/** A simulated peer: one identity on one disk, in one process after the other. All that it runs is the library as shipped. */

import { Identity } from '../identity/identity.ts'
import type { PeerId } from '../identity/peer-id.ts'
import type { MessageInfo } from '../link/inbox.ts'
import type { Link } from '../link/link.ts'
import { Mesh } from '../mesh/mesh.ts'
import type { Checker } from './checker.ts'
import type { Disk } from './disk.ts'
import { restartMs, type Faults } from './faults.ts'
import { never, Process } from './process.ts'
import type { Random } from './random.ts'
import type { SimRelay } from './relay.ts'
import type { TimeLine } from './time-line.ts'
import type { Trace } from './trace.ts'
import type { SimNetwork } from './transport.ts'
import { simulatedWrappingKey } from './wrapping-key.ts'

/** What a peer finds around it. */
interface Surroundings {
  readonly line: TimeLine
  readonly trace: Trace
  readonly faults: Faults
  readonly checker: Checker
  readonly network: SimNetwork
  readonly relays: readonly SimRelay[]
  readonly peers: readonly Peer[]
}

/** What a failing handler throws. */
export const badDay = new Error('a bad day')

const retryMs = 500
/** How long a handler takes, one call in four. */
const handlerMs = [1, 200] as const

/** One identity on one disk, in one process after the other. */
export class Peer {
  /** `p0`, `p1` and so on. */
  readonly name: string
  /** How it stores what it has handled. */
  readonly commit: 'batch' | 'each'
  readonly #world: Surroundings
  readonly #random: Random
  /** @internal */
  readonly disk: Disk
  readonly #skewMs: number
  /** Which process this is, from 1. */
  run = 0
  /** The present one, or the last. */
  process!: Process
  /** Its mesh, once it is open. */
  mesh: Mesh | undefined
  /** Its PeerId, once it was open. */
  id: PeerId | undefined

  /** @internal */
  constructor(world: Surroundings, name: string, random: Random, disk: Disk, skewMs: number) {
    this.#world = world
    this.name = name
    this.#random = random
    this.disk = disk
    this.#skewMs = skewMs
    this.commit = random.chance(0.5) ? 'each' : 'batch'
    this.start()
  }

  /** A new process on the same disk; another follows when it crashes. */
  start(): void {
    const { line, trace } = this.#world
    this.run++
    this.mesh = undefined
    this.process = new Process({
      name: this.name,
      line,
      trace,
      random: this.#random.fork(),
      skewMs: this.#skewMs,
    })
    this.process.onDown((why) => {
      if (why === 'crash') line.after(restartMs, () => this.start())
    })
    void this.#open(this.process)
  }

  /** The link to another peer, once there is one. */
  linkTo(other: Peer): Link | undefined {
    return other.id && this.mesh?.links.get(other.id)
  }

  /** Sends the next message, if there is a link to send it on. */
  send(other: Peer): void {
    const link = this.linkTo(other)
    if (!link || !this.process.isUp) return
    const { process } = this
    const { message, accepted, delivered } = this.#world.checker.send(this.name, other.name)
    const delivery = link.send(message)
    delivery.stored.then(accepted, () => process.trace('refused'))
    delivery.then(
      () => process.effect('delivered') && delivered(),
      () => {},
    )
  }

  async #open(process: Process): Promise<void> {
    const { runtime } = process
    const { network, relays } = this.#world
    const store = this.disk.open(process)
    const wrappingKey = simulatedWrappingKey
    // What a user does about a failed start: start again.
    for (;;) {
      try {
        const identity = await Identity.open({ store, runtime, wrappingKey })
        const mesh = await Mesh.open({
          identity,
          transport: network.transport(process),
          signaling: relays.map((relay) => relay.connect(process)),
          receive: { commit: this.commit },
        })
        if (!process.isAlive) return
        this.id = mesh.peer
        this.mesh = mesh
        mesh.on('link', (link) => this.#attach(link, process))
        for (const link of mesh.links.values()) this.#attach(link, process)
        return
      } catch {
        await new Promise<void>((resolve) => runtime.setTimer(retryMs, resolve))
      }
    }
  }

  #attach(link: Link, process: Process): void {
    const { run } = this
    const { checker } = this.#world
    const nameOf = () => this.#world.peers.find((peer) => peer.id === link.peer)?.name ?? '?'
    link.on('message', (message, info) => this.#handle(nameOf(), process, run, message, info))
    link.on('delivered', (id) => process.isAlive && checker.delivered(this.name, nameOf(), id))
    // No disk is set back here, and what is acknowledged is on disk.
    for (const event of ['gap', 'rollback'] as const) {
      link.on(event, () => checker.violations.push(`${this.name}-${nameOf()}: a ${event}`))
    }
  }

  async #handle(
    from: string,
    process: Process,
    run: number,
    message: unknown,
    info: MessageInfo,
  ): Promise<void> {
    const { checker, faults } = this.#world
    const { id } = info
    if (!process.effect('handler-call', id)) return never()
    const { commit } = this
    const returned = checker.hand({ ...info, from, to: this.name, run, commit, message })
    if (this.#random.chance(0.25)) {
      const tookMs = this.#random.between(...handlerMs)
      await new Promise<void>((resolve) => process.runtime.setTimer(tookMs, resolve))
    }
    if (faults.strikes('handler-failure', () => this.#random.next())) throw badDay
    if (!process.effect('handler-return', id)) return never()
    returned()
  }
}
