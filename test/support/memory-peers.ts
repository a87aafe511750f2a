/** Peers in one process: real cryptography, storage in memory, channels and signaling without a network. */

import { systemRuntime, type Runtime } from '../../lib/base/runtime.ts'
import { Identity } from '../../lib/identity/identity.ts'
import { Mesh } from '../../lib/mesh/mesh.ts'
import type { MeshOptions } from '../../lib/mesh/options.ts'
import { Mailboxes } from '../../lib/signaling/mailboxes.ts'
import type { Signaling } from '../../lib/signaling/signaling.ts'
import { MemoryStore } from '../../lib/storage/memory-store.ts'
import { MemoryNetwork } from '../../lib/transport/memory.ts'

export interface Published {
  readonly from: number
  readonly tag: Uint8Array
  readonly packet: Uint8Array
}

/** A relay whose every delivery a test may watch, change, hold back or repeat. */
export class Switchboard {
  readonly published: Published[] = []
  /** What becomes of a packet: those to deliver. Default: itself. */
  rule: (published: Published) => Published[] = (published) => [published]
  readonly #boxes: Mailboxes[] = []

  path(): Signaling {
    const box = new Mailboxes()
    const from = this.#boxes.push(box) - 1
    return {
      subscribe: (tag, listener) => box.subscribe(tag, listener),
      publish: async (tag, packet) => {
        const published = { from, tag: tag.slice(), packet: packet.slice() }
        this.published.push(published)
        let receivers = 0
        for (const each of this.rule(published)) receivers += this.inject(each)
        return receivers
      },
      close: async () => box.close(),
    }
  }

  /** Delivers to all but the sender. */
  inject({ from, tag, packet }: Published): number {
    const others = this.#boxes.filter((box, index) => index !== from && box.has(tag))
    for (const box of others) queueMicrotask(() => box.deliver(tag, packet))
    return others.length
  }
}

export class World {
  readonly board = new Switchboard()
  readonly network: MemoryNetwork
  readonly runtime: Runtime
  readonly #meshes: Mesh[] = []

  constructor(runtime: Runtime = systemRuntime) {
    this.runtime = runtime
    this.network = new MemoryNetwork({ runtime })
  }

  async peer(
    options: Partial<MeshOptions> & { store?: MemoryStore } = {},
  ): Promise<{ mesh: Mesh; identity: Identity; store: MemoryStore }> {
    const { store = new MemoryStore(), ...rest } = options
    const identity = rest.identity ?? (await Identity.open({ store, runtime: this.runtime }))
    const mesh = await Mesh.open({
      identity,
      transport: this.network.transport(),
      signaling: [this.board.path()],
      ...rest,
    })
    this.#meshes.push(mesh)
    return { mesh, identity, store }
  }

  async close(): Promise<void> {
    for (const mesh of this.#meshes) await mesh.close()
  }
}
