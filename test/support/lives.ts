/** Random histories of whole identities, and what must hold of them once all is quiet. */

import { Contacts } from '../../lib/mesh/contacts.ts'
import { LivesWorld, type LivingDevice, type LivingPerson } from './lives-world.ts'

export const operations = [
  'send',
  'reload',
  'crash',
  'relay-outage',
  'add-device',
  'restore',
  'revoke',
  'rename',
  'allow',
  'lock',
  'forget',
  'meet',
  'cut-off',
  'quiet',
] as const
export type Operation = (typeof operations)[number]

/** How often each is chosen, of the sum of those of a run. */
const weights: Readonly<Record<Operation, number>> = {
  send: 12,
  reload: 3,
  crash: 3,
  'relay-outage': 1,
  'add-device': 3,
  restore: 0.5,
  revoke: 1,
  rename: 2,
  allow: 1,
  lock: 1,
  forget: 1,
  meet: 3,
  'cut-off': 0.3,
  quiet: 0.7,
}

const maxDevices = 3
const hourMs = 3600_000
const ticketLifetimeMs = 7 * 24 * hourMs
const outageMs = [2_000, 20_000] as const
const pauseMs = [50, 5_000] as const
const lockedMs = [1_000, 30_000] as const
const shortQuietMs = 10 * 60_000
const quietMs = 30 * 60_000
const scopeLists = [['*'], ['*'], ['message'], ['request'], ['message:news', 'stream'], []] as const

interface SentMessage {
  readonly text: string
  readonly by: LivingDevice
  readonly to: LivingPerson
  isAccepted: boolean
  /** Its sender was told that it was not given to anybody. */
  isRefused: boolean
  /** Sent and accepted while the two were contacts, and they have been ever since. */
  isOwed: boolean
}

/** What two people have with each other. */
class Pair {
  /** Contacts, and all their devices know it. */
  isTogether = true
  /** Forgotten on some device, which others may not have heard yet. */
  isUnsettled = false
  /** For good. */
  isCutOff = false
  /** Forgotten, and since then nobody has tried to meet again. */
  isApart = false
  /** Ways to meet that are under way. */
  meetings = 0
  /** How often one has forgotten the other. */
  partings = 0
  /** Somebody was ever granted less than everything, or forgotten. */
  wasRestricted = false
  readonly messages: SentMessage[] = []

  part(): void {
    this.isTogether = false
    this.isUnsettled = true
    this.isApart = this.meetings === 0
    this.partings++
    this.wasRestricted = true
    for (const message of this.messages) message.isOwed = false
  }
}

export interface LifeReport {
  readonly violations: readonly string[]
  readonly history: readonly string[]
  readonly counts: Readonly<Record<string, number>>
  readonly hash: string
}

export async function live(
  seed: number,
  steps: number,
  allowed: readonly Operation[] = operations,
): Promise<LifeReport> {
  const world = await LivesWorld.create({ seed, people: 3, maxSkewMs: 6 * hourMs })
  const life = new Life(world, allowed)
  try {
    return await life.run(steps)
  } finally {
    world.close()
  }
}

class Life {
  readonly #world: LivesWorld
  readonly #allowed: readonly Operation[]
  readonly #sent: SentMessage[] = []
  readonly #history: string[] = []
  readonly #counts: Record<string, number> = {}
  readonly #pairs = new Map<string, Pair>()

  constructor(world: LivesWorld, allowed: readonly Operation[]) {
    this.#world = world
    this.#allowed = allowed
  }

  async run(steps: number): Promise<LifeReport> {
    const world = this.#world
    await this.#acquaintAll()
    for (let step = 0; step < steps; step++) {
      const operation = this.#choose()
      this.#note(operation)
      if (operation === 'quiet') await this.#rest(shortQuietMs)
      else this.#do(operation)
      await world.pass(world.random.between(...pauseMs))
    }
    await this.#rest(quietMs)
    await this.#check()
    // Nor does anything come back from the disks.
    for (const device of world.devices) device.crash()
    await this.#rest(shortQuietMs)
    await this.#check()
    const { violations } = world
    return {
      violations,
      history: this.#history,
      counts: { ...this.#counts, handed: world.handed.length },
      hash: world.trace.hash,
    }
  }

  #note(operation: string): void {
    this.#counts[operation] = (this.#counts[operation] ?? 0) + 1
  }

  #log(text: string): void {
    this.#history.push(`${Math.round(this.#world.line.nowMs)} ${text}`)
  }

  #choose(): Operation {
    const total = this.#allowed.reduce((sum, operation) => sum + weights[operation], 0)
    let at = this.#world.random.next() * total
    return this.#allowed.find((operation) => (at -= weights[operation]) < 0)!
  }

  /** Lets `work` go on while the world does; what fails must be what others can cause. */
  #begin(what: string, by: LivingDevice, work: () => Promise<unknown>): void {
    this.#log(what)
    const { process } = by
    work().then(
      () => this.#log(`${what}: done`),
      (error: unknown) => {
        this.#log(`${what}: ${(error as { code?: string }).code ?? String(error)}`)
        if (process.isAlive) this.#world.judge(what, error)
      },
    )
  }

  #do(operation: Operation): void {
    const { random, people, relays } = this.#world
    const person = random.pick(people)!
    const device = random.pick(person.up)
    if (!device) return
    if (operation === 'send') this.#send(person, device)
    if (operation === 'reload') this.#begin(`${device.name} reloads`, device, () => device.reload())
    if (operation === 'crash') {
      this.#log(`${device.name} crashes`)
      device.crash()
    }
    if (operation === 'relay-outage') {
      this.#log('a relay is away')
      random.pick(relays)!.restart(random.between(...outageMs))
    }
    if (operation === 'add-device' && person.own.length < maxDevices) {
      this.#begin(`${device.name} adds ${person.name}${person.devices.length}`, device, () =>
        person.addDevice(device),
      )
    }
    // Devices find each other by the pact that the first two have made.
    if (
      operation === 'restore' &&
      !device.identity!.isLocked &&
      person.devices.length > 1 &&
      person.own.length < maxDevices
    ) {
      this.#begin(
        `${device.name} is restored as ${person.name}${person.devices.length}`,
        device,
        () => person.restore(device),
      )
    }
    if (operation === 'revoke') this.#revoke(person, device)
    if (operation === 'lock') this.#lock(device)
    const other = random.pick(people.filter((each) => each !== person))!
    const pair = this.#pair(person, other)
    const link = device.mesh!.links.get(other.id)
    if (operation === 'rename' && link) {
      const name = `${other.name} ${random.below(1000)}`
      this.#begin(`${device.name} calls ${other.name} '${name}'`, device, () => link.rename(name))
    }
    if (operation === 'allow' && link) {
      const scopes = random.pick<readonly string[]>(scopeLists)!
      if (!scopes.includes('*')) pair.wasRestricted = true
      const what = `${device.name} allows ${other.name} ${scopes.join(' ')}`
      this.#begin(what, device, () => link.allow(scopes))
    }
    if (operation === 'forget' && link) {
      pair.part()
      const what = `${device.name} forgets ${other.name}`
      this.#begin(what, device, () => device.mesh!.forget(other.id))
    }
    if (operation === 'cut-off') {
      pair.part()
      pair.isCutOff = true
      const what = `${device.name} cuts ${other.name} off`
      this.#begin(what, device, () => device.mesh!.cutOff(other.id))
    }
    const guest = random.pick(other.up)
    if (operation === 'meet' && guest) this.#meet(pair, device, guest)
  }

  #lock(device: LivingDevice): void {
    const { line, random } = this.#world
    const { identity } = device
    if (!identity || identity.isLocked) return
    this.#log(`${device.name} is locked`)
    identity.lock()
    line.after(random.between(...lockedMs), () => {
      this.#begin(`${device.name} is unlocked`, device, () => identity.unlock())
    })
  }

  /** By a ticket of one, at the other. */
  #meet(pair: Pair, host: LivingDevice, guest: LivingDevice): void {
    const { partings, isUnsettled, isCutOff } = pair
    pair.meetings++
    pair.isApart = false
    this.#begin(`${host.name} invites ${guest.name}`, host, async () => {
      try {
        const ticket = await host.mesh!.invite({ expiresInMs: ticketLifetimeMs })
        await guest.mesh!.accept(ticket.toString())
        if (isCutOff) this.#world.violations.push(`${guest.name} came back to ${host.name}`)
        if (!isUnsettled && pair.partings === partings) pair.isTogether = true
      } finally {
        pair.meetings--
      }
    })
  }

  #send(person: LivingPerson, device: LivingDevice): void {
    const { random, people } = this.#world
    const to = random.pick(people.filter((other) => other !== person))!
    const link = device.mesh!.links.get(to.id)
    if (!link) return
    const pair = this.#pair(person, to)
    const count = 1 + random.below(4)
    for (let i = 0; i < count; i++) {
      const text = `${device.name}>${to.name}#${this.#sent.length}`
      const message: SentMessage = {
        text,
        by: device,
        to,
        isAccepted: false,
        isRefused: false,
        isOwed: pair.isTogether,
      }
      this.#sent.push(message)
      pair.messages.push(message)
      const delivery = link.send(text)
      delivery.stored.then(
        (id) => {
          message.isAccepted = true
          device.refusals.set(id, () => (message.isRefused = true))
        },
        () => {},
      )
      delivery.catch((error: unknown) => {
        if ((error as { code?: string }).code !== 'forbidden') {
          return this.#world.judge(`${text} is sent`, error)
        }
        message.isRefused = true
        if (!pair.wasRestricted) this.#world.violations.push(`${text} was refused without reason`)
      })
    }
  }

  /** By the words, on any device that is left. */
  #revoke(person: LivingPerson, device: LivingDevice): void {
    // One that was let in by a revoked one is none itself.
    const ofDevice = new Set<LivingDevice | undefined>()
    for (let at: LivingDevice | undefined = device; at; at = at.host) ofDevice.add(at)
    const revoked = this.#world.random.pick(person.own.filter((other) => !ofDevice.has(other)))
    if (!revoked?.key) return
    const what = `${device.name} revokes ${revoked.name}`
    this.#begin(what, device, async () => {
      await device.mesh!.revokeDevice(revoked.key, { words: person.words })
    })
    revoked.revoke()
  }

  async #acquaintAll(): Promise<void> {
    const world = this.#world
    const meet = async (one: LivingDevice, other: LivingDevice) => {
      const ticket = await one.mesh!.invite({ expiresInMs: ticketLifetimeMs })
      await other.mesh!.accept(ticket.toString())
    }
    const [a, b, c] = world.people.map(({ devices }) => devices[0]!)
    const met = Promise.all([meet(a!, b!), meet(b!, c!), meet(c!, a!)])
    met.catch((error: unknown) => world.judge('they meet', error))
    await world.pass(60_000)
    await met
  }

  /** Everybody has the time to say all. */
  async #rest(ms: number): Promise<void> {
    this.#log('quiet')
    await this.#world.pass(ms)
    for (const pair of this.#pairs.values()) pair.isUnsettled = false
  }

  #pair(one: LivingPerson, other: LivingPerson): Pair {
    const name = [one.name, other.name].toSorted().join('-')
    const pair = this.#pairs.get(name) ?? new Pair()
    this.#pairs.set(name, pair)
    return pair
  }

  async #check(): Promise<void> {
    this.#checkMessages()
    this.#checkSessions()
    await this.#checkAgreement()
  }

  #checkMessages(): void {
    const { handed, violations } = this.#world
    const numberOf = (text: string) => Number(text.slice(text.indexOf('#') + 1))
    const highest = new Map<string, number>()
    for (const { on, message, redelivered } of handed) {
      const flow = `${message.slice(0, message.indexOf('>'))} to ${on.name}`
      const before = highest.get(flow) ?? -1
      const number = numberOf(message)
      if (!redelivered && number <= before) {
        violations.push(`${message} was handed to ${on.name} after #${before}, unmarked`)
      }
      highest.set(flow, Math.max(before, number))
    }
    const all = new Set(handed.map(({ message }) => message))
    const lost = this.#sent.filter(
      ({ text, by, isAccepted, isRefused, isOwed }) =>
        isOwed && isAccepted && !isRefused && !by.isRevoked && !all.has(text),
    )
    if (lost.length > 0) {
      violations.push(`never handled: ${lost.map(({ text }) => text).join(' ')}`)
    }
    this.#counts['accepted'] = this.#sent.filter(({ isAccepted }) => isAccepted).length
  }

  #checkSessions(): void {
    const { devices, network, violations } = this.#world
    for (const device of devices) {
      for (const { peer } of network.channelsOf(device.process)) {
        const other = devices.find(({ process }) => process === peer!.process)
        if (!other) continue
        const name = `${device.name} has a session with ${other.name}`
        if (other.isRevoked) violations.push(`${name}, which is revoked`)
        const { isApart, isCutOff } = this.#pair(device.person, other.person)
        if (device.person !== other.person && (isApart || isCutOff)) {
          violations.push(`${name}, which is forgotten`)
        }
      }
    }
  }

  /** All devices of one person know the same of everybody, on their disks. */
  async #checkAgreement(): Promise<void> {
    const world = this.#world
    for (const person of world.people) {
      const known = await Promise.all(
        person.own.map(async (device) => ({ device, view: await this.#viewOf(device) })),
      )
      const [first, ...others] = known
      for (const other of others) {
        for (const [peer, said] of Object.entries({ ...first!.view, ...other.view })) {
          const [one, two] = [first!.view[peer], other.view[peer]]
          void said
          if (one === two) continue
          const name = world.people.find(({ id }) => id === peer)?.name ?? peer
          world.violations.push(
            `${first!.device.name} and ${other.device.name} differ on ${name}:\n  ${one}\n  ${two}`,
          )
        }
      }
    }
  }

  /** What is on the disk of a device, by peer, as text. */
  async #viewOf(device: LivingDevice): Promise<Record<string, string>> {
    const world = this.#world
    if (!device.isUp) {
      world.violations.push(`${device.name} is not up`)
      return {}
    }
    const identity = device.identity!
    let contacts: Contacts | undefined
    const reading = Contacts.open(identity)
    reading.then((opened) => (contacts = opened))
    await world.pass(10_000, () => contacts !== undefined)
    await reading
    const keyNames = new Map(world.devices.map(({ key, name }) => [key, name]))
    const nameOf = (key: Uint8Array) => keyNames.get(Buffer.from(key).toString('base64url')) ?? '?'
    return Object.fromEntries(
      contacts!.peers.values().map((record) => {
        const pacts = contacts!
          .of(record.peer)
          .filter(({ provenAtMs }) => provenAtMs > 0)
          .map(({ id }) => id.slice(0, 6))
          .toSorted()
        const { name, verified, scopes, grantedScopes, revocations, forgottenAtMs, cutOffAtMs } =
          record
        const devices = record.devices.map(({ deviceKey }) => nameOf(deviceKey))
        // Its own is none of its records.
        if (record.peer === identity.peer) devices.push(device.name)
        const view = {
          name,
          verified,
          scopes,
          grantedScopes,
          revoked: revocations?.deviceKeys.map(nameOf).toSorted() ?? [],
          forgottenAtMs,
          cutOffAtMs,
          devices: [...new Set(devices)].toSorted(),
          forgottenPacts: record.forgottenPacts.map((id) => id.slice(0, 6)).toSorted(),
          pacts,
        }
        return [record.peer, JSON.stringify(view)]
      }),
    )
  }
}
