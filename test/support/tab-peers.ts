/** Meshes of one identity in several tabs of a virtual world, and of a peer elsewhere. What a tab that is frozen or dead would do waits or is lost. */

import { Identity } from '../../lib/identity/identity.ts'
import type { MessageInfo } from '../../lib/link/inbox.ts'
import type { Link } from '../../lib/link/link.ts'
import { Mesh } from '../../lib/mesh/mesh.ts'
import type { AcceptOptions, InviteOptions, MeshOptions } from '../../lib/mesh/options.ts'
import { simulatedWrappingKey } from '../../lib/sim/wrapping-key.ts'
import type { Signaling } from '../../lib/signaling/signaling.ts'
import type { Attempt, Channel, Transport } from '../../lib/transport/transport.ts'
import { MemoryStore } from '../../lib/storage/memory-store.ts'
import { World } from './memory-peers.ts'
import { TabWorld, type Tab } from './tab-world.ts'

const wrappingKey = simulatedWrappingKey

export interface Handled extends MessageInfo {
  readonly message: unknown
  readonly by: string
}

export class TabPeers {
  readonly world = new TabWorld()
  readonly peers: World
  readonly #open: { tab: Tab; mesh: Mesh }[] = []

  constructor() {
    this.peers = new World(this.world.clock)
  }

  /** Lets time pass in small steps until it is done. */
  async passing<T>(promise: Promise<T>, stepMs = 5): Promise<T> {
    const state = { isDone: false }
    const done = () => void (state.isDone = true)
    promise.then(done, done)
    const untilMs = this.world.line.elapsedMs + 120_000
    while (!state.isDone) {
      if (this.world.line.elapsedMs > untilMs) throw new Error('waited in vain')
      await this.world.clock.advance(stepMs)
    }
    return promise
  }

  async until(condition: () => boolean, stepMs = 5): Promise<void> {
    await this.passing(
      (async () => {
        while (!condition()) await new Promise((resolve) => setImmediate(resolve))
      })(),
      stepMs,
    )
  }

  /** The mesh of the shared identity in one more tab. */
  async tab(
    options: Partial<MeshOptions> = {},
  ): Promise<{ tab: Tab; mesh: Mesh; identity: Identity }> {
    const tab = this.world.open()
    const opening = (async () => {
      const { store, runtime } = tab
      const identity = await Identity.open({ store, runtime, wrappingKey })
      const mesh = await Mesh.open({
        identity,
        tabs: tab.hub,
        transport: transportOf(tab, this.peers.network.transport()),
        signaling: [signalingOf(tab, this.peers.board.path())],
        ...options,
      })
      return { mesh, identity }
    })()
    const { mesh, identity } = await this.passing(opening)
    this.#open.push({ tab, mesh })
    return { tab, mesh, identity }
  }

  /** A peer alone in its browser, and its link with the shared identity. */
  async bob(
    inviter: Mesh,
    { invite, accept }: { invite?: InviteOptions; accept?: AcceptOptions } = {},
  ): Promise<{ mesh: Mesh; link: Link }> {
    const identity = await this.passing(
      Identity.open({
        store: new MemoryStore(),
        runtime: this.world.clock,
        wrappingKey,
      }),
    )
    const { mesh } = await this.passing(this.peers.peer({ identity }))
    const ticket = await this.passing(inviter.invite(invite))
    return { mesh, link: await this.passing(mesh.accept(ticket, accept)) }
  }

  async close(): Promise<void> {
    for (const { tab } of this.#open) await tab.thaw()
    const open = this.#open.filter(({ tab }) => !tab.isDead)
    await this.passing(Promise.all(open.map(({ mesh }) => mesh.close())), 500)
    await this.passing(this.peers.close(), 500)
  }
}

function signalingOf(tab: Tab, path: Signaling): Signaling {
  return {
    ...path,
    subscribe: (tag, listener) =>
      path.subscribe(tag, (packet) => tab.run(() => void listener(packet))),
    publish: async (tag, packet) => (tab.isDead ? 0 : path.publish(tag, packet)),
  }
}

function transportOf(tab: Tab, transport: Transport): Transport {
  const awake = <T>(promise: Promise<T>): Promise<T> => {
    const here = new Promise<T>((resolve, reject) => {
      promise.then(
        (value) => tab.run(() => resolve(value)),
        (error: unknown) => tab.run(() => reject(error)),
      )
    })
    here.catch(() => {})
    return here
  }
  const channelOf = (channel: Channel): Channel => ({
    maxMessageBytes: channel.maxMessageBytes,
    get bufferedBytes() {
      return channel.bufferedBytes
    },
    send: (message) => {
      if (!tab.isDead) channel.send(message)
    },
    onMessage: (listener) => channel.onMessage((message) => tab.run(() => listener(message))),
    onDrain: (listener) => channel.onDrain(() => tab.run(listener)),
    closed: awake(channel.closed),
    close: () => {
      if (!tab.isDead) channel.close()
    },
  })
  const attemptOf = (attempt: Attempt): Attempt => ({
    description: awake(attempt.description),
    onCandidates: (listener) =>
      attempt.onCandidates((candidates) => tab.run(() => listener(candidates))),
    accept: (answer) => attempt.accept(answer),
    addCandidates: (candidates) => attempt.addCandidates(candidates),
    channel: awake(attempt.channel.then(channelOf)),
    close: () => {
      if (!tab.isDead) attempt.close()
    },
  })
  return {
    offer: () => attemptOf(transport.offer()),
    checkOffer: (offer) => transport.checkOffer(offer),
    answer: (offer) => attemptOf(transport.answer(offer)),
  }
}

/** Takes what comes on a link, and notes it. */
export function collect(link: Link, by = ''): Handled[] {
  const handled: Handled[] = []
  link.on('message', (message, info) => void handled.push({ message, by, ...info }))
  return handled
}
