/**
 * Whole identities in the simulator: people with several devices each, every device a process on a disk of its own, with what the
 * application would do about a failed start. What is handed over and what goes wrong is noted, for a test to judge.
 */

import { toBase64url } from '../../lib/base/bytes.ts'
import { HandfastError } from '../../lib/base/errors.ts'
import { ready } from '../../lib/crypto/sodium.ts'
import { Identity } from '../../lib/identity/identity.ts'
import type { PeerId } from '../../lib/identity/peer-id.ts'
import type { MessageInfo } from '../../lib/link/inbox.ts'
import type { Link } from '../../lib/link/link.ts'
import { joinIdentity } from '../../lib/mesh/joining.ts'
import { Mesh } from '../../lib/mesh/mesh.ts'
import { Disk } from '../../lib/sim/disk.ts'
import { Faults, restartMs } from '../../lib/sim/faults.ts'
import { Process } from '../../lib/sim/process.ts'
import { Random } from '../../lib/sim/random.ts'
import { SimRelay, type NetworkParts } from '../../lib/sim/relay.ts'
import { TimeLine } from '../../lib/sim/time-line.ts'
import { Trace } from '../../lib/sim/trace.ts'
import { SimNetwork } from '../../lib/sim/transport.ts'
import { simulatedWrappingKey } from '../../lib/sim/wrapping-key.ts'
import { snapshotOf } from './second-device.ts'

/** Tickets outlast the difference of any two clocks. */
const ticketLifetimeMs = 7 * 24 * 3600_000
const retryMs = 500
const pairingMs = 60_000
/** How long a handler takes, one call in four. */
const handlerMs = [1, 200] as const

/** What a peer may answer to somebody who does no wrong, when others come and go. */
const expectedCodes: readonly string[] = [
  'closed',
  'cut-off',
  'forbidden',
  'identity-in-use',
  'interrupted',
  'locked',
  'refused',
  'revoked',
  'ticket-wrong-party',
  'timeout',
  'transport-failed',
]

export interface Handed {
  readonly on: LivingDevice
  readonly message: string
  readonly redelivered: boolean
}

/** One device of a person, in one process after the other. */
export class LivingDevice {
  readonly person: LivingPerson
  readonly name: string
  readonly disk: Disk
  readonly #world: LivesWorld
  readonly #random: Random
  readonly #skewMs: number
  process!: Process
  identity: Identity | undefined
  mesh: Mesh | undefined
  /** Base64url of its device key. */
  key = ''
  /** Whom it was let in by. */
  readonly host: LivingDevice | undefined
  #isExcluded = false
  /** What to do when a message is said to have been refused, by its id. */
  readonly refusals = new Map<string, () => void>()
  /** Not started again after its end. */
  isRetired = false

  constructor(
    world: LivesWorld,
    person: LivingPerson,
    name: string,
    random: Random,
    skewMs: number,
    host: LivingDevice | undefined,
  ) {
    this.#world = world
    this.person = person
    this.name = name
    this.host = host
    this.#random = random
    this.#skewMs = skewMs
    this.disk = new Disk(random.fork(), world.faults)
    this.#begin()
  }

  #begin(): void {
    const { line, trace } = this.#world
    this.mesh = undefined
    this.identity = undefined
    this.process = new Process({
      name: this.name,
      line,
      trace,
      random: this.#random.fork(),
      skewMs: this.#skewMs,
    })
    this.process.onDown((why) => {
      if (why === 'crash' && !this.isRetired) line.after(restartMs, () => void this.start())
    })
  }

  /** A new process on the same disk. */
  async start(): Promise<void> {
    if (this.process.effects > 0 || !this.process.isAlive) this.#begin()
    await this.open((options) => Identity.open(options))
  }

  /** @param make how the identity comes to be on this disk */
  async open(
    make: (options: ReturnType<LivingDevice['options']>) => Promise<Identity>,
  ): Promise<void> {
    const { process } = this
    const { relays, network } = this.#world
    const options = this.options()
    for (;;) {
      try {
        const identity = await make(options)
        const mesh = await Mesh.open({
          identity,
          transport: network.transport(process),
          signaling: relays.map((relay) => relay.connect(process)),
        })
        if (!process.isAlive) return
        this.key = toBase64url(identity.device.key)
        this.identity = identity
        this.mesh = mesh
        mesh.on('link', (link) => this.#attach(link, process))
        for (const link of mesh.links.values()) this.#attach(link, process)
        return
      } catch (error) {
        this.#world.judge(`${this.name} starts`, error)
        await new Promise<void>((resolve) => process.runtime.setTimer(retryMs, resolve))
      }
    }
  }

  options() {
    const { runtime } = this.process
    return { store: this.disk.open(this.process), runtime, wrappingKey: simulatedWrappingKey }
  }

  /** With all that it has let in. */
  revoke(): void {
    this.#isExcluded = true
  }

  get isRevoked(): boolean {
    return this.#isExcluded || (this.host?.isRevoked ?? false)
  }

  get isUp(): boolean {
    return this.mesh !== undefined && this.process.isUp
  }

  crash(): void {
    this.process.crash()
  }

  /** Says goodbye, as a page that is left. */
  async reload(): Promise<void> {
    const { mesh, identity, process } = this
    await mesh?.close()
    await identity?.close()
    process.crash()
  }

  #attach(link: Link, process: Process): void {
    const { world, name } = { world: this.#world, name: this.name }
    link.on('message', async (message: unknown, info: MessageInfo) => {
      if (!process.isAlive) return new Promise<never>(() => {})
      world.handed.push({ on: this, message: String(message), redelivered: info.redelivered })
      process.trace('handed', String(message))
      if (!this.#random.chance(0.25)) return
      const tookMs = this.#random.between(...handlerMs)
      await new Promise<void>((resolve) => process.runtime.setTimer(tookMs, resolve))
    })
    link.on('refused', (id) => this.refusals.get(id)?.())
    link.on('gap', () => world.violations.push(`${name}: a gap`))
    link.on('rollback', () => world.violations.push(`${name}: a rollback`))
  }
}

/** Somebody, with up to three devices that are not revoked. */
export class LivingPerson {
  readonly name: string
  readonly devices: LivingDevice[] = []
  readonly #world: LivesWorld
  readonly #random: Random
  readonly #maxSkewMs: number
  id!: PeerId
  words = ''

  constructor(world: LivesWorld, name: string, random: Random, maxSkewMs: number) {
    this.#world = world
    this.name = name
    this.#random = random
    this.#maxSkewMs = maxSkewMs
  }

  /** Those that belong to it, up or not. */
  get own(): LivingDevice[] {
    return this.devices.filter(({ isRevoked }) => !isRevoked)
  }

  get up(): LivingDevice[] {
    return this.own.filter(({ isUp }) => isUp)
  }

  async begin(): Promise<void> {
    const device = this.#newDevice()
    await device.start()
    this.devices.push(device)
    this.id = device.mesh!.peer
    this.words = await device.identity!.words()
  }

  #newDevice(host?: LivingDevice): LivingDevice {
    const skewMs = Math.round(this.#random.between(-this.#maxSkewMs, this.#maxSkewMs))
    const name = `${this.name}${this.devices.length}`
    return new LivingDevice(this.#world, this, name, this.#random.fork(), skewMs, host)
  }

  /** A further device, by the words and what `from` knows, as a backup brings it. */
  async restore(from: LivingDevice): Promise<void> {
    const snapshot = await snapshotOf(from.identity!)
    const device = this.#newDevice()
    this.devices.push(device)
    await device.open(async (options) => {
      const identity = await Identity.restore({ words: this.words, ...options })
      await identity.keystore.put({ snapshot })
      return identity
    })
  }

  /** A further device, let in by `host`; none where that came to nothing. */
  async addDevice(host: LivingDevice): Promise<LivingDevice | undefined> {
    const { line, network, relays } = this.#world
    const device = this.#newDevice(host)
    const { process } = device
    // One that has not joined is no device.
    device.isRetired = true
    const confirmHost = (mesh: Mesh) =>
      new Promise<void>((resolve, reject) => {
        const look = () => {
          const [pairing] = mesh.pairings
          if (pairing) pairing.confirm().then(resolve, reject)
          return pairing !== undefined
        }
        if (look()) return
        const stop = mesh.on('pairings', () => void (look() && stop()))
      })
    const giveUp = new AbortController()
    const cancel = line.after(pairingMs, () => giveUp.abort(new HandfastError('timeout')))
    try {
      const ticket = await host.mesh!.invite({
        purpose: 'device',
        expiresInMs: ticketLifetimeMs,
      })
      const joining = await joinIdentity(ticket.toString(), {
        ...device.options(),
        transport: network.transport(process),
        signaling: relays.map((relay) => relay.connect(process)),
        signal: giveUp.signal,
      })
      confirmHost(host.mesh!).catch(() => {})
      giveUp.signal.addEventListener('abort', () => void joining.cancel())
      const identity = await joining.confirm()
      device.isRetired = false
      this.devices.push(device)
      await device.open(async () => identity)
      return device
    } catch (error) {
      process.crash()
      throw error
    } finally {
      cancel()
    }
  }
}

export interface LivesOptions {
  readonly seed: number
  readonly people: number
  /** How far a clock may be off, each way. */
  readonly maxSkewMs: number
}

export class LivesWorld {
  readonly line = new TimeLine()
  readonly trace = new Trace()
  readonly faults = new Faults([])
  readonly random: Random
  readonly network: SimNetwork
  readonly relays: readonly SimRelay[]
  readonly people: LivingPerson[] = []
  readonly handed: Handed[] = []
  readonly violations: string[] = []
  readonly #reportError = globalThis.reportError
  readonly #onRejection = (error: unknown) =>
    void this.violations.push(`unhandled: ${textOf(error)}`)

  private constructor({ seed, people, maxSkewMs }: LivesOptions) {
    this.random = new Random(seed)
    const parts = (): NetworkParts => ({
      line: this.line,
      random: this.random.fork(),
      faults: this.faults,
      isCut: () => false,
    })
    this.network = new SimNetwork(parts())
    this.relays = [new SimRelay(parts()), new SimRelay(parts())]
    for (const name of 'abcdefgh'.slice(0, people)) {
      this.people.push(new LivingPerson(this, name, this.random.fork(), maxSkewMs))
    }
  }

  /** Close it: what is reported and rejected is caught meanwhile. */
  static async create(options: LivesOptions): Promise<LivesWorld> {
    await ready()
    const world = new LivesWorld(options)
    globalThis.reportError = (error) => void world.violations.push(`reported: ${textOf(error)}`)
    process.on('unhandledRejection', world.#onRejection)
    const begun = world.people.map((person) => person.begin())
    await world.pass(10_000)
    await Promise.all(begun)
    return world
  }

  close(): void {
    globalThis.reportError = this.#reportError
    process.off('unhandledRejection', this.#onRejection)
    for (const { devices } of this.people) {
      for (const device of devices) {
        device.isRetired = true
        device.crash()
      }
    }
  }

  get devices(): LivingDevice[] {
    return this.people.flatMap(({ devices }) => devices)
  }

  async pass(ms: number, isDone?: () => boolean): Promise<void> {
    await this.line.run(this.line.nowMs + ms, isDone)
  }

  /** Whether what somebody did may have failed so, in a world where others come and go. */
  judge(what: string, error: unknown): void {
    const isExpected = error instanceof HandfastError && expectedCodes.includes(error.code)
    if (!isExpected) this.violations.push(`${what}: ${textOf(error)}`)
  }
}

function textOf(error: unknown): string {
  if (error instanceof HandfastError) return `${error.code} ${error.message} ${error.stack}`
  return error instanceof Error ? (error.stack ?? String(error)) : String(error)
}
