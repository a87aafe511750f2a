/** A peer in a page, driven by tests: grants, and tries what it was granted or not. `?name=` tells identities apart; with `&serve` it takes all. */

import { HandfastError, Identity, Mesh, type Link } from '../../../lib/index.ts'

const query = new URLSearchParams(location.search)

export type Deed = 'message' | 'message:pay' | 'request:pay' | 'stream:file'

class TestPeer {
  /** What others have done here. */
  readonly done: string[] = []
  readonly events: [event: 'refused' | 'delivered', id: string][] = []
  /** Of the links, as they came. */
  readonly states: string[] = []
  readonly mesh: Mesh

  constructor(mesh: Mesh) {
    this.mesh = mesh
    for (const link of mesh.links.values()) this.#serve(link)
    mesh.on('link', (link) => this.#serve(link))
  }

  #serve(link: Link): void {
    link.on('state', (state) => void this.states.push(state))
    link.on('refused', (id) => void this.events.push(['refused', id]))
    link.on('delivered', (id) => void this.events.push(['delivered', id]))
    if (!query.has('serve')) return
    link.on('message', (message, { topic }) => {
      this.done.push(`${topic === undefined ? 'message' : `message:${topic}`} ${String(message)}`)
    })
    link.handle('pay', () => void this.done.push('request:pay'))
    link.on('stream', ({ name, readable, writable }) => {
      this.done.push(`stream:${name}`)
      readable.pipeTo(writable).catch(() => {})
    })
  }

  get link(): Link {
    const [link] = this.mesh.links.values()
    if (!link) throw new Error('no link')
    return link
  }

  get rights(): { scopes: readonly string[]; granted: readonly string[] } {
    const { scopes, grantedScopes } = this.link
    return { scopes, granted: grantedScopes }
  }

  async invite(scopes?: string[]): Promise<string> {
    return String(await this.mesh.invite(scopes ? { scopes } : {}))
  }

  async accept(ticket: string, scopes?: string[]): Promise<void> {
    await this.mesh.accept(ticket, scopes ? { scopes } : {})
  }

  async allow(scopes: string[]): Promise<void> {
    await this.link.allow(scopes)
  }

  /** The code of the error; `done` without. */
  async try(deed: Deed, what = 'x'): Promise<string> {
    try {
      if (deed === 'message') await this.link.send(what)
      else if (deed === 'message:pay') await this.link.send(what, { topic: 'pay' })
      else if (deed === 'request:pay') await this.link.request('pay')
      else await this.#echo()
      return 'done'
    } catch (error) {
      return error instanceof HandfastError ? error.code : String(error)
    }
  }

  /** Sends; resolves when it is stored here. */
  async store(what: string): Promise<string> {
    const delivery = this.link.send(what)
    delivery.catch(() => {})
    return delivery.stored
  }

  async #echo(): Promise<void> {
    const { readable, writable } = await this.link.openStream('file')
    const [writer, reader] = [writable.getWriter(), readable.getReader()]
    writer.closed.catch(() => {})
    reader.closed.catch(() => {})
    writer.write(Uint8Array.of(1)).catch(() => {})
    await reader.read()
    await reader.cancel()
  }

  /** Streams on until it is cut; the code of its end. */
  async streamUntilCut(): Promise<string> {
    const { readable, writable } = await this.link.openStream('file')
    const [writer, reader] = [writable.getWriter(), readable.getReader()]
    writer.closed.catch(() => {})
    reader.closed.catch(() => {})
    try {
      for (;;) {
        await writer.write(new Uint8Array(1_000))
        await reader.read()
        this.#echoes++
      }
    } catch (error) {
      return (error as HandfastError).code
    }
  }

  #echoes = 0

  get echoes(): number {
    return this.#echoes
  }
}

declare global {
  var rightsPeer: Promise<TestPeer>
}

globalThis.rightsPeer = (async () => {
  const identity = await Identity.open({ name: query.get('name') ?? 'test' })
  return new TestPeer(await Mesh.open({ identity, relays: [`ws://${location.host}/relay`] }))
})()
