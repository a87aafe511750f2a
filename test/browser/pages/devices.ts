/**
 * A device in a page, driven by tests. It opens the identity `?name=` at load, so that a reload is a restart; with `&join` it has none until
 * it has joined another device's.
 */

import {
  Identity,
  joinIdentity,
  Mesh,
  type Joining,
  type Link,
  type MessageInfo,
  type PeerId,
} from '../../../lib/index.ts'

const query = new URLSearchParams(location.search)
const name = query.get('name') ?? 'test'
const relays = [query.get('relay') ?? `ws://${location.host}/relay`]

interface Received {
  readonly n: number
  readonly redelivered: boolean
}

class TestDevice {
  readonly received: Received[] = []
  mesh: Mesh | undefined
  identity: Identity | undefined
  #joining: Joining | undefined

  async open(identity?: Identity): Promise<void> {
    this.identity = identity ?? (await Identity.open({ name }))
    this.mesh = await Mesh.open({ identity: this.identity, relays })
    for (const link of this.mesh.links.values()) this.#serve(link)
    this.mesh.on('link', (link) => this.#serve(link))
  }

  #serve(link: Link): void {
    link.on('message', (message: unknown, { redelivered }: MessageInfo) => {
      this.received.push({ n: (message as { n: number }).n, redelivered })
    })
    link.handle('who', () => name)
  }

  get peer(): string {
    return this.mesh!.peer
  }

  /** Each contact, and how its link stands. */
  get links(): [string, string][] {
    return [...this.mesh!.links].map(([peer, { state }]) => [peer, state])
  }

  get numbers(): number[] {
    return this.received.map(({ n }) => n)
  }

  get isRevoked(): boolean {
    return this.mesh!.isRevoked
  }

  link(peer?: string): Link {
    const link = peer ? this.mesh!.links.get(peer as PeerId) : [...this.mesh!.links.values()][0]
    if (!link) throw new Error('no link')
    return link
  }

  async invite(purpose = 'contact'): Promise<string> {
    return String(await this.mesh!.invite({ purpose }))
  }

  async accept(ticket: string): Promise<string> {
    return (await this.mesh!.accept(ticket)).peer
  }

  /** Which device answers. */
  async who(): Promise<string> {
    return (await this.link().request('who')) as string
  }

  /** Resolves when it is handled there. */
  async send(n: number): Promise<void> {
    await this.link().send({ n })
  }

  /** Resolves when it is stored here. */
  async store(n: number): Promise<void> {
    const delivery = this.link().send({ n })
    delivery.catch(() => {})
    await delivery.stored
  }

  async join(ticket: string): Promise<string> {
    this.#joining = await joinIdentity(ticket, { name, relays })
    return this.#joining.code
  }

  async confirmJoining(): Promise<string> {
    await this.open(await this.#joining!.confirm())
    return this.peer
  }

  /** The digits of the device that waits to be let in. */
  async waiting(): Promise<string> {
    for (;;) {
      const [pairing] = this.mesh!.pairings
      if (pairing) return pairing.code
      await new Promise<void>((resolve) => {
        const off = this.mesh!.on('pairings', () => {
          off()
          resolve()
        })
      })
    }
  }

  async welcome(): Promise<void> {
    await this.mesh!.pairings[0]!.confirm()
  }

  /** One's own other devices. */
  get others(): string[] {
    return this.mesh!.devices.filter(({ isThis }) => !isThis).map(({ key }) => key)
  }

  /** The root leaves the browser; returns the words that bring it back. */
  async takeRootAway(): Promise<string> {
    const words = await this.identity!.words()
    await this.identity!.removeRoot()
    return words
  }

  /** Returns when it began. */
  async revoke(key: string, words: string): Promise<number> {
    const beganAt = Date.now()
    await this.mesh!.revokeDevice(key, { words })
    return beganAt
  }

  /** Resolves with the time when no link is open. */
  async cutOffAt(): Promise<number> {
    for (;;) {
      const open = this.links.filter(([, state]) => state === 'open')
      if (open.length === 0) return Date.now()
      await new Promise<void>((resolve) => {
        const off = this.link(open[0]![0]).on('state', () => {
          off()
          resolve()
        })
      })
    }
  }
}

declare global {
  var device: Promise<TestDevice>
}

globalThis.device = (async () => {
  const opened = new TestDevice()
  if (!query.has('join')) await opened.open()
  return opened
})()
