/**
 * Wallets as they are, over links that are not: two of them in one process, connected when the test says so, by wires that a test can cut
 * and tamper with. Each has a database of its own.
 */

import 'fake-indexeddb/auto'
import { Identity, MemoryStore, type Link, type Mesh, type PeerId } from '../../../lib/index.ts'
import { Wallet } from '../../../demo/wallet/wallet.ts'

/** Web Locks of one process. */
const queues = new Map<string, Promise<unknown>>()
const locks = {
  request(name: string, work: () => Promise<unknown>): Promise<unknown> {
    const turn = (queues.get(name) ?? Promise.resolve()).then(work)
    queues.set(
      name,
      turn.catch(() => {}),
    )
    return turn
  },
}
Object.defineProperty(globalThis, 'navigator', { value: { locks }, configurable: true })
globalThis.reportError = (error) => {
  throw error
}

type Listener = (...args: never[]) => unknown

/** One side of a link: what is sent waits until both are there, and is handed over in order. */
class FakeLink {
  readonly peer: PeerId
  state: 'idle' | 'open' = 'idle'
  other: FakeLink | null = null
  /** What the next answer to a request becomes. */
  tamper: (method: string, answer: unknown) => unknown = (_, answer) => answer
  /** What was asked of this side. */
  readonly asked: string[] = []
  readonly #mail: { value: unknown; topic: string; handled: () => void }[] = []
  readonly #listeners = new Map<string, Set<Listener>>()
  readonly #handlers = new Map<string, (params: unknown) => unknown>()
  #delivering = false

  constructor(peer: PeerId) {
    this.peer = peer
  }

  get queued(): number {
    return this.#mail.length
  }

  on(event: string, listener: Listener): () => void {
    const all = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, all.add(listener))
    return () => all.delete(listener)
  }

  handle(method: string, handler: (params: unknown) => unknown): () => void {
    this.#handlers.set(method, handler)
    return () => this.#handlers.delete(method)
  }

  send(value: unknown, { topic }: { topic: string }): Promise<void> {
    return new Promise((resolve) => {
      this.#mail.push({ value, topic, handled: resolve })
      void this.deliver()
    })
  }

  async request(method: string, params: unknown): Promise<unknown> {
    if (!this.other) throw new Error('nobody is there')
    this.other.asked.push(method)
    const answer = await this.other.#handlers.get(method)!(structuredClone(params))
    return this.tamper(method, structuredClone(answer))
  }

  async deliver(): Promise<void> {
    if (this.#delivering) return
    this.#delivering = true
    while (this.other && this.#mail[0]) {
      const { value, topic, handled } = this.#mail[0]
      await this.other.#hear(value, topic)
      this.#mail.shift()
      handled()
    }
    this.#delivering = false
  }

  async #hear(value: unknown, topic: string): Promise<void> {
    for (const listener of this.#listeners.get('message') ?? []) {
      await (listener as (...args: unknown[]) => unknown)(value, { topic, id: '' })
    }
  }

  become(state: 'idle' | 'open', other: FakeLink | null): void {
    this.state = state
    this.other = other
    for (const listener of this.#listeners.get('state') ?? []) listener()
  }

  /** What waits is lost, as when a tab dies before it sends. */
  lose(): void {
    this.#mail.length = 0
  }
}

let databases = 0

/** Somebody with a wallet, in one browser. */
export class Owner {
  readonly identity: Identity
  readonly link: FakeLink
  readonly wallet: Wallet
  readonly database: string

  private constructor(identity: Identity, partner: PeerId, database: string) {
    this.identity = identity
    this.database = database
    this.link = new FakeLink(partner)
    const links = new Map([[partner, this.link as unknown as Link]])
    const mesh = { peer: identity.peer, links, on: () => () => {} } as unknown as Mesh
    this.wallet = new Wallet(mesh, identity, database)
  }

  static async open(identity: Identity, partner: PeerId, database = `test ${databases++}`) {
    const owner = new Owner(identity, partner, database)
    await owner.wallet.ready
    return owner
  }

  /** The same after a reload. */
  async reopened(): Promise<Owner> {
    this.link.become('idle', null)
    this.wallet.close()
    return Owner.open(this.identity, this.link.peer, this.database)
  }

  get books() {
    return this.wallet.of(this.link.peer).books
  }

  get note() {
    return this.wallet.of(this.link.peer).note
  }

  act(act: Parameters<Wallet['act']>[1]) {
    return this.wallet.act(this.link.peer, act)
  }

  compare() {
    return this.wallet.compareWith(this.link.peer)
  }
}

export function connect(one: Owner, other: Owner): void {
  one.link.other = other.link
  other.link.other = one.link
  one.link.become('open', other.link)
  other.link.become('open', one.link)
  void one.link.deliver()
  void other.link.deliver()
}

export function disconnect(...owners: Owner[]): void {
  for (const { link } of owners) link.become('idle', null)
}

/** Until something holds. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (holds()) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error(`never: ${what}`)
}

export async function identities(): Promise<[Identity, Identity]> {
  const open = () => Identity.open({ store: new MemoryStore() })
  return [await open(), await open()]
}

/** Two whose wallets have met. */
export async function owners(): Promise<[Owner, Owner]> {
  const [first, second] = await identities()
  const anna = await Owner.open(first, second.peer)
  const ben = await Owner.open(second, first.peer)
  connect(anna, ben)
  await until(() => anna.note.hasCompared && ben.note.hasCompared, 'the first comparison')
  return [anna, ben]
}
