/** A wallet that a test opens with the keys it wants. What it holds is all on one object; `?name=` tells identities apart. */

import { Identity, Mesh, type IdentityOptions, type RestoreOptions } from '../../../lib/index.ts'

const name = new URLSearchParams(location.search).get('name') ?? 'keys'

class Wallet {
  readonly identity: Identity
  readonly mesh: Mesh
  readonly received: unknown[] = []

  constructor(identity: Identity, mesh: Mesh) {
    this.identity = identity
    this.mesh = mesh
    for (const link of mesh.links.values()) this.#serve(link)
    mesh.on('link', (link) => this.#serve(link))
  }

  #serve(link: Mesh['links'] extends ReadonlyMap<infer _, infer L> ? L : never): void {
    link.on('message', (message) => void this.received.push(message))
    link.handle('pay', (amount) => `paid ${amount as number}`)
  }

  get link() {
    const [link] = this.mesh.links.values()
    if (!link) throw new Error('no link')
    return link
  }

  get state(): string {
    return this.link.state
  }
}

/** The code that a call fails with, or `done`. */
const outcome = (call: () => unknown): Promise<string> =>
  Promise.resolve()
    .then(call)
    .then(
      () => 'done',
      (error: { code?: string }) => error.code ?? String(error),
    )

async function run(identity: Identity): Promise<string> {
  const mesh = await Mesh.open({ identity, relays: [`ws://${location.host}/relay`] })
  globalThis.wallet = new Wallet(identity, mesh)
  return identity.peer
}

const keys = {
  Identity,
  outcome,
  open: async (options: IdentityOptions = {}) => run(await Identity.open({ name, ...options })),
  restore: async (options: RestoreOptions) => run(await Identity.restore({ name, ...options })),
  /** Every record of table `keys` that is a key of WebCrypto's: which, and whether it can be read. */
  async storedKeys(): Promise<[record: string, algorithm: string, extractable: boolean][]> {
    const { identity } = globalThis.wallet
    const records = await identity.store.transaction(['keys'], { mode: 'read' }, (tx) =>
      tx.list('keys'),
    )
    return records.flatMap(({ key, value }) => {
      const { privateKey, key: guard } = (value ?? {}) as { privateKey?: unknown; key?: unknown }
      const held = privateKey ?? guard
      if (!(held instanceof CryptoKey)) return []
      return [[key, held.algorithm.name, held.extractable] as [string, string, boolean]]
    })
  },
  /** All that the store holds of the wrapping key, as text. */
  async wrappingKey(): Promise<string> {
    const record = await globalThis.wallet.identity.store.transaction(
      ['keys'],
      { mode: 'read' },
      (tx) => tx.get('keys', 'wrapping-key'),
    )
    return JSON.stringify(record, (_, value) => (value instanceof Uint8Array ? [...value] : value))
  },
  /** How long `work` took, how often the page was drawn meanwhile, and the longest it was not, in ms. */
  async watched(work: () => Promise<unknown>) {
    const begunAt = performance.now()
    let last = begunAt
    let [frames, longestMs, isOver] = [0, 0, false]
    const draw = () => {
      const now = performance.now()
      longestMs = Math.max(longestMs, now - last)
      last = now
      if (isOver) return
      frames++
      requestAnimationFrame(draw)
    }
    requestAnimationFrame(draw)
    await work()
    isOver = true
    draw()
    return { tookMs: last - begunAt, frames, longestMs }
  },
  deviceKey: () => [...globalThis.wallet.identity.device.key],
}

declare global {
  // The test reads these by their names.
  var wallet: Wallet
  var keys: typeof import('./keys.ts').testKeys
}

export const testKeys = keys
globalThis.keys = keys
