/** A whole peer in a page, driven by tests: opens at load, so that a reload is a restart. `?name=` tells identities apart. */

import { Identity, Mesh, type Link, type PeerId } from '../../../lib/index.ts'

const chunkBytes = 256 * 1024

class TestPeer {
  readonly mesh: Mesh
  readonly received: unknown[] = []
  /** The same by sender. */
  readonly receivedFrom: Record<string, unknown[]> = {}

  constructor(mesh: Mesh) {
    this.mesh = mesh
    for (const link of mesh.links.values()) this.#serve(link)
    mesh.on('link', (link) => this.#serve(link))
  }

  #serve(link: Link): void {
    link.on('message', (message) => {
      this.received.push(message)
      ;(this.receivedFrom[link.peer] ??= []).push(message)
    })
    link.handle('double', (params) => (params as bigint) * 2n)
    link.on('stream', ({ readable, writable }) => {
      void (async () => {
        const digest = await digestOf(readable)
        const writer = writable.getWriter()
        await writer.write(new TextEncoder().encode(digest))
        await writer.close()
      })()
    })
  }

  get link(): Link {
    const [link] = this.mesh.links.values()
    if (!link) throw new Error('no link')
    return link
  }

  get states(): string[] {
    return [...this.mesh.links.values()].map(({ state }) => state)
  }

  async invite(): Promise<string> {
    return (await this.mesh.invite()).toString()
  }

  async accept(ticket: string): Promise<string> {
    return (await this.mesh.accept(ticket)).peer
  }

  async send(from: number, count: number): Promise<void> {
    const sending: Promise<void>[] = []
    for (let n = from; n < from + count; n++) sending.push(this.link.send({ n }))
    await Promise.all(sending)
  }

  /** Tells one peer of several; resolves when all was handled there. */
  async tell(peer: string, messages: readonly string[]): Promise<void> {
    const link = this.mesh.links.get(peer as PeerId)
    if (!link) throw new Error('no link')
    await Promise.all(messages.map((message) => link.send(message)))
  }

  /** What each peer has said since this was last asked. */
  takeReceived(): Record<string, unknown[]> {
    const taken = { ...this.receivedFrom }
    for (const peer of Object.keys(taken)) delete this.receivedFrom[peer]
    return taken
  }

  /** Whether messages numbered so arrived, in order, once each, and nothing else. */
  hasReceived(from: number, count: number): boolean {
    const numbers = this.received.map((message) => (message as { n: number }).n)
    return numbers.length === count && numbers.every((n, index) => n === from + index)
  }

  async double(value: string): Promise<string> {
    return String(await this.link.request('double', BigInt(value)))
  }

  /** Streams pseudo-random bytes; returns the digest of what was sent and that of what the peer says arrived. */
  async stream(bytes: number): Promise<[sent: string, received: string]> {
    const { readable, writable } = await this.link.openStream('digest')
    const writer = writable.getWriter()
    let digest = 0x811c9dc5
    const chunk = crypto.getRandomValues(new Uint8Array(chunkBytes / 4))
    for (let sent = 0; sent < bytes; sent += chunk.length) {
      chunk[0] = sent >>> 16
      digest = fnv(digest, chunk)
      await writer.write(chunk)
    }
    await writer.close()
    let received = ''
    for await (const part of readable) received += new TextDecoder().decode(part)
    return [`${digest}`, received]
  }
}

/** FNV-1a: the test wants to see every byte in its place, in a running hash that WebCrypto does not offer. */
function fnv(digest: number, bytes: Uint8Array): number {
  let hash = digest
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash
}

async function digestOf(readable: ReadableStream<Uint8Array>): Promise<string> {
  let digest = 0x811c9dc5
  const reader = readable.getReader()
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    digest = fnv(digest, part.value)
  }
  return `${digest}`
}

declare global {
  var peer: Promise<TestPeer>
}

const query = new URLSearchParams(location.search)
globalThis.peer = (async () => {
  const identity = await Identity.open({ name: query.get('name') ?? 'test' })
  const relays = query.has('norelay') ? [] : [`ws://${location.host}/relay`]
  return new TestPeer(await Mesh.open({ identity, relays }))
})()
