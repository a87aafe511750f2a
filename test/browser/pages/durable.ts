/**
 * A peer for tests that disturb it: what its handler was given is in a ledger that outlives the page. `?relay=` names its relay,
 * `?name=` its identity.
 */

import { Identity, Mesh, type Link } from '../../../lib/index.ts'

/** One call of the handler. */
export type Entry = readonly [n: number, id: string, redelivered: boolean]

const ledgerKey = 'ledger'

/** Written at once, in the handler: it survives whatever happens to the page next. */
function enter(entry: Entry): void {
  const before = localStorage.getItem(ledgerKey) ?? ''
  localStorage.setItem(ledgerKey, `${before}${JSON.stringify(entry)}\n`)
}

class DurablePeer {
  readonly mesh: Mesh

  constructor(mesh: Mesh) {
    this.mesh = mesh
    for (const link of mesh.links.values()) this.#serve(link)
    mesh.on('link', (link) => this.#serve(link))
  }

  #serve(link: Link): void {
    link.on('message', (message, { id, redelivered }) => {
      enter([(message as { n: number }).n, id, redelivered])
    })
  }

  get link(): Link | undefined {
    return [...this.mesh.links.values()][0]
  }

  get state(): string {
    return this.link?.state ?? 'none'
  }

  get queued(): number {
    return this.link!.queued
  }

  async invite(): Promise<string> {
    return (await this.mesh.invite()).toString()
  }

  async accept(ticket: string): Promise<void> {
    await this.mesh.accept(ticket)
  }

  /** Hands over messages numbered so; resolves when each is accepted, that is, stored. */
  async accepted(from: number, count: number): Promise<void> {
    const stored: Promise<unknown>[] = []
    for (let n = from; n < from + count; n++) {
      const delivery = this.link!.send({ n })
      delivery.catch(() => {})
      stored.push(delivery.stored)
    }
    await Promise.all(stored)
  }

  /** Messages one after the other, until the page dies. */
  sendForEver(from: number): void {
    const next = (n: number) => {
      const delivery = this.link!.send({ n })
      delivery.catch(() => {})
      void delivery.stored.then(() => next(n + 1))
    }
    next(from)
  }

  get ledger(): Entry[] {
    const lines = (localStorage.getItem(ledgerKey) ?? '').split('\n').filter(Boolean)
    return lines.map((line) => JSON.parse(line) as Entry)
  }
}

declare global {
  var durable: Promise<DurablePeer>
}

const query = new URLSearchParams(location.search)
globalThis.durable = (async () => {
  const identity = await Identity.open({ name: query.get('name') ?? 'test' })
  return new DurablePeer(await Mesh.open({ identity, relays: query.getAll('relay') }))
})()
