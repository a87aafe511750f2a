/** A peer under a flood (`?relay=`, several allowed): it measures its own event loop, and counts its key agreements. */

import { Identity, Mesh } from '../../../lib/index.ts'
import { ready, sodium } from '../../../lib/crypto/sodium.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Messages that relays have sent. */
let received = 0

class CountedWebSocket extends WebSocket {
  constructor(url: string | URL) {
    super(url)
    this.addEventListener('message', () => received++)
  }
}
globalThis.WebSocket = CountedWebSocket

/** From one turn of the event loop to the next, ms: a timer, and a message behind it. */
class Probe {
  longestMs = 0
  readonly #receivedBefore = received
  #beganMs = performance.now()
  #agreedMs: number[] = []
  #isOver = false
  turns = 0

  constructor() {
    const { port1, port2 } = new MessageChannel()
    let lastMs = performance.now()
    const turn = () => {
      const nowMs = performance.now()
      this.longestMs = Math.max(this.longestMs, nowMs - lastMs)
      lastMs = nowMs
      this.turns++
    }
    port1.onmessage = () => {
      turn()
      if (!this.#isOver) setTimeout(() => (turn(), port2.postMessage(0)), 1)
    }
    port2.postMessage(0)
  }

  agreed(): void {
    this.#agreedMs.push(performance.now() - this.#beganMs)
  }

  /** The most within any second that begins with one. */
  get agreementsPerSecond(): number {
    let most = 0
    let first = 0
    this.#agreedMs.forEach((atMs, index) => {
      while (this.#agreedMs[first]! <= atMs - 1000) first++
      most = Math.max(most, index - first + 1)
    })
    return most
  }

  get received(): number {
    return received - this.#receivedBefore
  }

  get agreements(): number {
    return this.#agreedMs.length
  }

  end(): void {
    this.#isOver = true
  }
}

export type Measured = Pick<
  Probe,
  'longestMs' | 'turns' | 'received' | 'agreements' | 'agreementsPerSecond'
>

class FloodedPeer {
  readonly mesh: Mesh
  #probe: Probe | undefined

  constructor(mesh: Mesh) {
    this.mesh = mesh
    const library = sodium()
    const { crypto_scalarmult } = library
    library.crypto_scalarmult = ((secret: Uint8Array, key: Uint8Array) => {
      this.#probe?.agreed()
      return crypto_scalarmult(secret, key)
    }) as typeof crypto_scalarmult
  }

  async invite(uses = 1, peer: string | null = null): Promise<string> {
    const ticket = await this.mesh.invite({ uses, ...(peer === null ? {} : { for: peer }) })
    return ticket.toString()
  }

  async address(): Promise<string> {
    return (await this.mesh.address()).toString()
  }

  async accept(ticket: string): Promise<void> {
    await this.mesh.accept(ticket)
  }

  get states(): Record<string, string> {
    return Object.fromEntries([...this.mesh.links].map(([peer, { state }]) => [peer, state]))
  }

  startProbe(): void {
    this.#probe = new Probe()
  }

  endProbe(): Measured {
    const probe = this.#probe!
    probe.end()
    this.#probe = undefined
    const { longestMs, turns, received: count, agreements, agreementsPerSecond } = probe
    return { longestMs, turns, received: count, agreements, agreementsPerSecond }
  }

  /** How long until the link to `peer` is open, from when the page began. */
  async openAfterMs(peer: string): Promise<number> {
    while ([...this.mesh.links.values()].find((link) => link.peer === peer)?.state !== 'open') {
      await pause(5)
    }
    return performance.now()
  }
}

declare global {
  var flooded: Promise<FloodedPeer>
}

const query = new URLSearchParams(location.search)
globalThis.flooded = (async () => {
  await ready()
  const identity = await Identity.open({ name: query.get('name') ?? 'flooded' })
  return new FloodedPeer(await Mesh.open({ identity, relays: query.getAll('relay') }))
})()
