/**
 * Whom strangers ask (`?name=` of the identity, `?relay=`), or, without a name, a stranger who has no identity. It counts its peer
 * connections.
 */

import { ask, Identity, Mesh, type Address } from '../../../lib/index.ts'
import { densest, notedClock } from '../../support/noted-clock.ts'

const clock = notedClock()
let connections = 0
globalThis.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(configuration?: RTCConfiguration) {
    super(configuration)
    connections++
  }
}

class QueryPage {
  readonly identity: Identity | undefined
  readonly mesh: Mesh | undefined
  /** When the handler was asked. */
  readonly askedAtMs: number[] = []

  constructor(identity?: Identity, mesh?: Mesh) {
    this.identity = identity
    this.mesh = mesh
  }

  get connections(): number {
    return connections
  }

  /** What the page has stored, if it can tell. */
  async databases(): Promise<string[]> {
    return (await indexedDB.databases()).map(({ name }) => name!)
  }

  async publish(): Promise<{ text: string; tag: number[] }> {
    const address: Address = await this.mesh!.address()
    return { text: String(address), tag: [...address.tag] }
  }

  /** Answers `square`, with its own name. */
  answer(perSecond: number, name: string): void {
    const square = (params: unknown) => {
      this.askedAtMs.push(clock.lastReadMs)
      return [name, Number(params) ** 2]
    }
    this.mesh!.answer('square', square, { perSecond })
  }

  /** The most that the handler was asked in any second. */
  get densest(): number {
    return densest(this.askedAtMs)
  }

  async ask(address: string, params: number, timeoutMs = 30_000): Promise<unknown> {
    return ask(address, 'square', params, { timeoutMs })
  }

  /** Asks for each of 0 to `count` - 1, so many at a time; returns those whose answer was wrong or failed. */
  async askMany(address: string, count: number, atATime: number, name: string): Promise<string[]> {
    const wrong: string[] = []
    let next = 0
    const stranger = async () => {
      while (next < count) {
        const n = next++
        const answer = await this.ask(address, n).catch(String)
        if (String(answer) !== String([name, n ** 2])) wrong.push(`${n}: ${String(answer)}`)
      }
    }
    await Promise.all(Array.from({ length: atATime }, stranger))
    return wrong
  }

  /** What no relay may see. */
  get keys(): number[][] {
    if (!this.identity) return []
    const { publicKey, device } = this.identity
    return [publicKey, device.key, device.boxKey].map((key) => [...key])
  }
}

declare global {
  var queryPage: Promise<QueryPage>
}

const query = new URLSearchParams(location.search)
globalThis.queryPage = (async () => {
  const name = query.get('name')
  if (name === null) return new QueryPage()
  const identity = await Identity.open({ name, runtime: clock })
  return new QueryPage(identity, await Mesh.open({ identity, relays: [query.get('relay')!] }))
})()
