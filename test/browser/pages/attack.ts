/** A peer whose relay is hostile (`?relay=`): it counts its peer connections and tells every secret that a relay must not learn. */

import { Identity, Mesh, type Link } from '../../../lib/index.ts'

let connections = 0
/** Every description there was: a closed connection tells none any more. */
const descriptions = new Set<string>()

class CountedPeerConnection extends RTCPeerConnection {
  constructor(configuration?: RTCConfiguration) {
    super(configuration)
    connections++
    const note = () => {
      if (this.signalingState === 'closed') return
      descriptions.add(this.localDescription?.sdp ?? '').add(this.remoteDescription?.sdp ?? '')
    }
    this.addEventListener('icecandidate', note)
    this.addEventListener('connectionstatechange', note)
  }
}
globalThis.RTCPeerConnection = CountedPeerConnection

class AttackedPeer {
  readonly mesh: Mesh
  readonly identity: Identity
  readonly received: unknown[] = []
  events = 0
  #accepted: Promise<Link> | undefined

  constructor(identity: Identity, mesh: Mesh) {
    this.identity = identity
    this.mesh = mesh
    for (const link of mesh.links.values()) this.#listen(link)
    mesh.on('link', (link) => {
      this.events++
      this.#listen(link)
    })
  }

  #listen(link: Link): void {
    link.on('message', (message) => void this.received.push(message))
  }

  get connections(): number {
    return connections
  }

  get peers(): string[] {
    return [...this.mesh.links].map(([peer, { state }]) => `${peer} ${state}`)
  }

  async invite(memo: string): Promise<{ text: string; tag: number[]; secrets: number[][] }> {
    const ticket = await this.mesh.invite({ memo })
    return {
      text: ticket.toString(),
      tag: [...ticket.tag],
      secrets: [[...ticket.ticketKey], [...ticket.psk], [...ticket.bytes]],
    }
  }

  /** Begins to redeem; a dial that fails is followed by another. */
  accept(ticket: string, attempts = 1): void {
    const again = (left: number): Promise<Link> =>
      this.mesh.accept(ticket).catch((error: unknown) => {
        if (left <= 1) throw error
        return again(left - 1)
      })
    this.#accepted = again(attempts)
    this.#accepted.catch(() => {})
  }

  async accepted(): Promise<string> {
    return (await this.#accepted!).peer
  }

  async send(message: unknown): Promise<void> {
    const [link] = this.mesh.links.values()
    await link!.send(message)
  }

  /** What no relay may see: as bytes, and as text. */
  get keys(): number[][] {
    const { publicKey, device } = this.identity
    return [publicKey, device.key, device.boxKey].map((key) => [...key])
  }

  /** Fingerprints, ICE credentials, addresses and names of every connection so far. */
  get sdpSecrets(): string[] {
    const found = [...descriptions].join('\n')
    const matches = (pattern: RegExp) => [...found.matchAll(pattern)].map((match) => match[1]!)
    return [
      ...new Set([
        ...matches(/a=fingerprint:sha-256 (\S+)/g),
        ...matches(/a=ice-ufrag:(\S+)/g),
        ...matches(/a=ice-pwd:(\S+)/g),
        ...matches(/a=candidate:\S+ \d+ \S+ \d+ (\S+) /g),
      ]),
    ]
  }
}

declare global {
  var attacked: Promise<AttackedPeer>
}

const query = new URLSearchParams(location.search)
globalThis.attacked = (async () => {
  const identity = await Identity.open({ name: query.get('name') ?? 'attacked' })
  return new AttackedPeer(identity, await Mesh.open({ identity, relays: [query.get('relay')!] }))
})()
