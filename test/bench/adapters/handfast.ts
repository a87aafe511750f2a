/**
 * Handfast, messages. The two meet once, by a ticket; before each dial both meshes are closed and opened again, as after a
 * reload, so that what is timed is the dial of a known contact.
 */

import { Identity, type Link, Mesh } from '../../../lib/index.ts'

import type { Adapter, Connection, Endpoint, OnMessage, Site } from '../adapter.ts'

/** Sends under way at once: enough that none of the sizes is held up by acknowledgements. */
const windowBytes = 4 * 1024 * 1024
const windowMessages = 4096

/** For a mesh just opened to subscribe at its relay, however far that is. */
const subscribeMs = 500

const ticketLifeMs = 600_000

type Connect = (link: Link, onMessage: OnMessage) => Promise<Connection>

function openMesh(identity: Identity, site: Site): Promise<Mesh> {
  return Mesh.open({ identity, relays: [site.relayUrl], ice: { servers: [] } })
}

const pause = (durationMs: number) => new Promise((resolve) => setTimeout(resolve, durationMs))

/** One end; `dial` and `answer` make a connection of a link that has no session yet. */
export async function openEndpoint(site: Site, dial: Connect, answer: Connect): Promise<Endpoint> {
  const identities = new Map<number, Identity>()
  const meshes: Mesh[] = []
  const isAnswerer = site.role === 'answerer'

  /** The mesh of this round: with many peers the answerer has a new identity each time, and the dialler keeps its one mesh. */
  async function meshOf(round: number): Promise<Mesh> {
    const keep = site.manyPeers ? !isAnswerer && meshes.length > 0 : false
    if (keep) return meshes[0]!
    const who = site.manyPeers && isAnswerer ? round : 0
    const identity = identities.get(who) ?? (await Identity.open({ name: `${site.self}-${who}` }))
    identities.set(who, identity)
    if (!site.manyPeers) await meshes.pop()?.close()
    const mesh = await openMesh(identity, site)
    meshes.push(mesh)
    return mesh
  }

  let link: Link | undefined
  const linkOf = () => {
    const known = site.manyPeers ? link : [...meshes.at(-1)!.links.values()][0]
    if (!known) throw new Error('the other side is not known')
    return known
  }

  return {
    async ready(round, invitation) {
      const mesh = await meshOf(round)
      const meets = round === 0 || site.manyPeers
      if (meets && isAnswerer) {
        mesh.on('link', (it) => {
          link = it
        })
        return (await mesh.invite({ expiresInMs: ticketLifeMs })).toString()
      }
      if (meets) link = await mesh.accept(invitation)
      // So that no session is left of the first meeting.
      if (meets && !site.manyPeers) await meshOf(round)
      await pause(subscribeMs)
      return ''
    },
    async dial(_round, onMessage) {
      const known = linkOf()
      if (!site.manyPeers && known.state === 'open') throw new Error('there is a session already')
      return dial(known, onMessage)
    },
    answer: async (_round, onMessage) => answer(linkOf(), onMessage),
  }
}

async function connectMessages(link: Link, onMessage: OnMessage): Promise<Connection> {
  const stop = link.on('message', ({ body }) => onMessage((body as Uint8Array).length))
  return {
    send: (message) => void link.send(message),
    async sendMany(message, count) {
      const width = Math.max(1, Math.min(windowMessages, Math.floor(windowBytes / message.length)))
      const sent: Promise<void>[] = []
      for (let next = 0; next < count; next++) {
        if (next >= width) await sent[next - width]
        sent.push(link.send(message))
      }
      await Promise.all(sent)
    },
    async close() {
      stop()
    },
  }
}

export const adapter: Adapter = {
  maxMessageBytes: Infinity,
  preservesMessages: true,
  open: (site) => openEndpoint(site, connectMessages, connectMessages),
}
