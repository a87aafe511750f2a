/**
 * Handfast, messages that are kept in memory alone, as their sender's choice of store; `handfast-stored.ts` keeps them on disk. The two
 * meet once, by a ticket, and their meshes stay open; their session is ended before each dial, so that what is timed is the dial of a
 * known contact.
 */

import { Identity, type Link, MemoryStore, Mesh, type PeerId } from '../../../lib/index.ts'
import { Sessions } from '../../../lib/link/sessions.ts'

import type { Adapter, Connection, Endpoint, OnMessage, Site } from '../adapter.ts'

/** Sends under way at once: enough that none of the sizes is held up by acknowledgements. */
const windowBytes = 8 * 1024 * 1024
const windowMessages = 16_384

const ticketLifeMs = 600_000

type Connect = (link: Link, onMessage: OnMessage) => Promise<Connection>

type OpenIdentity = (name: string) => Promise<Identity>

const openInMemory: OpenIdentity = (name) => Identity.open({ name, store: new MemoryStore() })

async function openMesh(name: string, site: Site, openIdentity: OpenIdentity): Promise<Mesh> {
  const identity = await openIdentity(name)
  return Mesh.open({ identity, relays: [site.relayUrl] })
}

/** What carries each link, which a mesh shows nobody. */
const sessionsOf = new Map<PeerId, Sessions>()
const { attach } = Sessions.prototype
Sessions.prototype.attach = function (...args) {
  sessionsOf.set(this.peer, this)
  attach.apply(this, args)
}

/** Ends what session there is; the next send makes another. */
async function hangUp(link: Link): Promise<void> {
  await sessionsOf.get(link.peer)?.suspend('idle', 'gracefully')
  await idle(link)
}

function idle(link: Link): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      if (link.state !== 'idle') return
      stop()
      resolve()
    }
    const stop = link.on('state', check)
    check()
  })
}

/** One end; `dial` and `answer` make a connection of a link that has no session. */
export async function openEndpoint(
  site: Site,
  dial: Connect,
  answer: Connect,
  openIdentity = openInMemory,
): Promise<Endpoint> {
  // With many peers, each round's answerer is another identity.
  const nameOf = (round: number) => (site.manyPeers ? `${site.self} ${round}` : site.self)
  let mesh: Mesh | undefined
  let link: Link | undefined

  async function invite(round: number): Promise<string> {
    mesh = await openMesh(nameOf(round), site, openIdentity)
    mesh.on('link', (it) => {
      link = it
    })
    return (await mesh.invite({ expiresInMs: ticketLifeMs })).toString()
  }

  async function accept(invitation: string): Promise<void> {
    mesh ??= await openMesh(site.self, site, openIdentity)
    link = await mesh.accept(invitation)
    await hangUp(link)
  }

  return {
    async ready(round, invitation) {
      const haveMet = link && !site.manyPeers
      if (haveMet) await idle(link!)
      else if (site.role === 'answerer') return invite(round)
      else await accept(invitation)
      return ''
    },
    dial: (_round, onMessage) => dial(link!, onMessage),
    answer: (_round, onMessage) => answer(link!, onMessage),
  }
}

export async function connect(link: Link, onMessage: OnMessage): Promise<Connection> {
  const stop = link.on('message', (message) => onMessage((message as Uint8Array).length))
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
      await hangUp(link)
    },
  }
}

export const adapter: Adapter = {
  maxMessageBytes: Infinity,
  preservesMessages: true,
  open: (site) => openEndpoint(site, connect, connect),
}
