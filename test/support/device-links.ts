/**
 * Two people with several devices each, and the links between their devices: every device has a store of its own, crashes and comes back,
 * and every session between two devices can be cut alone. Checks what must hold of the messages all along.
 */

import { HandfastError } from '../../lib/base/errors.ts'
import type { PeerId } from '../../lib/identity/peer-id.ts'
import type { Delivery } from '../../lib/link/delivery.ts'
import type { MessageInfo } from '../../lib/link/inbox.ts'
import type { Link } from '../../lib/link/link.ts'
import type { LogOptions } from '../../lib/link/log.ts'
import { anything, type Rights } from '../../lib/link/rights.ts'
import { Sessions } from '../../lib/link/sessions.ts'
import type { Session } from '../../lib/session/session.ts'
import { MemoryStore } from '../../lib/storage/memory-store.ts'
import type { Store } from '../../lib/storage/store.ts'
import { MemoryNetwork } from '../../lib/transport/memory.ts'
import { linkOver, logOptions } from './link-pair.ts'
import { sessionPair, type Tap } from './session-pair.ts'
import type { VirtualRuntime } from './virtual-runtime.ts'

const crashed = new Error('crashed')
const never = () => new Promise<never>(() => {})

/** What a page sees of a store until it crashes: then nothing is answered, and what is under way is not written. */
class Mounted implements Store {
  isUp = true
  /** What transactions reject with, while set. */
  fails: Error | undefined
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  async transaction<T>(...[scope, options, work]: Parameters<Store['transaction']>): Promise<T> {
    if (!this.isUp) return never()
    if (this.fails) throw this.fails
    const done = this.#store.transaction(scope, options, async (transaction) => {
      const result = await work(transaction)
      if (!this.isUp) throw crashed
      if (this.fails) throw this.fails
      return result as T
    })
    return done.catch((error: unknown) => {
      if (error === crashed) return never()
      throw error
    })
  }

  async close(): Promise<void> {}
}

export interface Handed extends MessageInfo {
  readonly message: unknown
}

export interface DeviceOptions {
  readonly commit?: LogOptions['commit']
  /** Default: handles at once. */
  readonly handle?: (message: unknown) => void | Promise<void>
  /** What each device of the other may do. Default: anything. */
  readonly rights?: (device: Uint8Array) => Rights
}

/** One device of a person, and its link to the other person. */
export class Device {
  readonly name: string
  readonly key: Uint8Array
  readonly world: Devices
  readonly handed: Handed[] = []
  readonly gaps: unknown[] = []
  rollbacks = 0
  run = 0
  isUp = false
  sessions!: Sessions
  link!: Link
  mounted!: Mounted
  store: Store = new MemoryStore()
  readonly #options: DeviceOptions

  constructor(world: Devices, name: string, options: DeviceOptions = {}) {
    this.world = world
    this.name = name
    this.key = new TextEncoder().encode(name)
    this.#options = options
    this.start()
  }

  get person(): string {
    return this.name[0]!
  }

  start(): void {
    const { runtime } = this.world
    const run = ++this.run
    this.isUp = true
    this.mounted = new Mounted(this.store)
    const peer = `person ${this.person === 'a' ? 'b' : 'a'}` as PeerId
    this.sessions = new Sessions({
      peer,
      runtime,
      log: logOptions(runtime, this.mounted, this.#options.commit),
      rights: this.#options.rights ?? (() => anything),
      onRefused: () => {},
      dial: (signal) => this.world.dial(this, signal),
    })
    this.link = linkOver(this.sessions, runtime)
    this.link.on('message', (message, info) => this.#hand(message, info, run))
    this.link.on('gap', (gap) => this.gaps.push(gap))
    this.link.on('rollback', () => this.rollbacks++)
    this.link.on('error', () => {})
  }

  async #hand(message: unknown, info: MessageInfo, run: number): Promise<void> {
    if (this.run !== run) return never()
    this.handed.push({ message, ...info })
    this.world.checker.hand(this, message, info)
    await this.#options.handle?.(message)
    if (this.run !== run) return never()
    this.world.checker.settle(message)
  }

  /** The next message: `a1#3`. */
  send(): Delivery {
    const { name, settled } = this.world.checker.send(this.name)
    const delivery = this.link.send(name)
    delivery.stored.then((id) => this.world.checker.accept(name, id)).catch(() => {})
    delivery.then(settled).catch(() => {})
    return delivery
  }

  /** Ends without a word, in the midst of everything. */
  crash(): void {
    this.run++
    this.isUp = false
    this.mounted.isUp = false
    for (const session of this.world.sessionsOf(this)) session.cut()
    void this.sessions.close('closed')
  }

  /** On a copy of a store that it once had, say. */
  restart(store = this.store): void {
    if (this.isUp) this.crash()
    this.store = store
    this.start()
  }
}

/** A session between two devices. */
export interface DeviceSession {
  readonly devices: readonly [dialler: Device, answerer: Device]
  readonly sessions: readonly [Session, Session]
  readonly taps: readonly [Tap, Tap]
  /** Both sides notice. */
  cut(): void
  /** Nobody notices. */
  silence(): void
}

export class Devices {
  readonly runtime: VirtualRuntime
  readonly devices: Device[] = []
  readonly checker = new DeviceChecker()
  readonly dials: string[] = []
  /** Who can be reached by a dial. */
  isReachable: (device: Device) => boolean = () => false
  readonly #sessions = new Set<DeviceSession>()

  constructor(runtime: VirtualRuntime) {
    this.runtime = runtime
  }

  add(name: string, options?: DeviceOptions): Device {
    const device = new Device(this, name, options)
    this.devices.push(device)
    return device
  }

  sessionsOf(device: Device): DeviceSession[] {
    return [...this.#sessions].filter(({ devices }) => devices.includes(device))
  }

  between(one: Device, other: Device): DeviceSession | undefined {
    return this.sessionsOf(one).find(({ devices }) => devices.includes(other))
  }

  async dial(from: Device, signal: AbortSignal): Promise<Session> {
    this.dials.push(from.name)
    signal.throwIfAborted()
    const to = this.devices.find(
      (each) => each.person !== from.person && each.isUp && this.isReachable(each),
    )
    if (!to) throw new HandfastError('timeout')
    return (await this.#open(from, to)).sessions[0]
  }

  /** A session, taken into use by both as after a dial. */
  async connect(from: Device, to: Device): Promise<DeviceSession> {
    const opening = this.#open(from, to)
    await this.runtime.advance(5)
    const session = await opening
    from.sessions.attach(session.sessions[0])
    return session
  }

  async #open(from: Device, to: Device): Promise<DeviceSession> {
    const { runtime } = this
    const network = new MemoryNetwork({ runtime, latencyMs: 2 })
    const { initiator, responder, taps } = await sessionPair({
      runtime,
      network,
      diallerKey: from.key,
      answererKey: to.key,
    })
    const session: DeviceSession = {
      devices: [from, to],
      sessions: [initiator, responder],
      taps,
      cut: () => network.cut(),
      silence: () => network.silence(),
    }
    this.#sessions.add(session)
    void Promise.all([initiator.ended, responder.ended]).then(() => this.#sessions.delete(session))
    responder.confirmed.then(
      () => to.sessions.attach(responder),
      () => {},
    )
    return session
  }

  async close(): Promise<void> {
    const closing = this.devices.map(({ sessions }) => sessions.close('closed'))
    await this.runtime.advance(5_000)
    await Promise.all(closing)
  }
}

interface Fate {
  id?: string
  isAccepted?: boolean
  /** By whom it was handed over. */
  readonly handed: Set<string>
  isGivenUnmarked?: boolean
  isHandled?: boolean
}

/**
 * Each message that was accepted is handled by some device, under one id. A device is given none twice unmarked, nor are two; and none
 * before all that its sender had accepted earlier were handled by one or the other. `send` resolves only afterwards.
 */
class DeviceChecker {
  readonly #fates = new Map<string, Fate>()
  readonly #sent = new Map<string, number>()
  readonly violations: string[] = []
  /** Whether ids and marks say the truth: not when profiles are copied or set back. */
  checksIds = true

  send(from: string): { name: string; settled: () => void } {
    const number = (this.#sent.get(from) ?? 0) + 1
    this.#sent.set(from, number)
    const name = `${from}#${number}`
    this.#fates.set(name, { handed: new Set() })
    const settled = () => this.#check(this.#fates.get(name)!.isHandled, `${name} counts as handled`)
    return { name, settled }
  }

  #check(holds: boolean | undefined, violation: string): void {
    if (!holds) this.violations.push(violation)
  }

  accept(name: string, id: string): void {
    this.#fates.get(name)!.isAccepted = true
    this.#name(name, id)
  }

  #name(name: string, id: string): void {
    const fate = this.#fates.get(name)!
    if (this.checksIds) this.#check((fate.id ?? id) === id, `${name} has another id than before`)
    fate.id = id
  }

  hand(to: Device, message: unknown, { id, redelivered }: MessageInfo): void {
    const name = message as string
    const fate = this.#fates.get(name)!
    const [from, number] = name.split('#') as [string, string]
    const what = `${name} came to ${to.name}`
    const isAgain = fate.handed.has(to.name)
    this.#check(redelivered || !isAgain, `${what} again and was not marked`)
    this.#check(redelivered || !fate.isGivenUnmarked, `${what} unmarked as to another`)
    fate.isGivenUnmarked ||= !redelivered
    fate.handed.add(to.name)
    this.#name(name, id)
    for (let before = 1; before < Number(number); before++) {
      const earlier = this.#fates.get(`${from}#${before}`)!
      const isDue = earlier.isAccepted && !earlier.isHandled
      this.#check(!isDue, `${name} came to ${to.name} when #${before} was due`)
    }
  }

  settle(message: unknown): void {
    this.#fates.get(message as string)!.isHandled = true
  }

  /** What was accepted and not handled. */
  get missing(): string[] {
    return [...this.#fates].flatMap(([name, fate]) =>
      fate.isAccepted && !fate.isHandled ? [name] : [],
    )
  }
}
