/** The types of every entry point, to be checked; nothing runs it. */

import { HandfastError, Identity, Mesh, Ticket, type Link, type PeerId } from 'handfast'
import * as singleFile from 'handfast/handfast.min.js'
import { attachRelay, relayPlugin, startRelay } from 'handfast/relay'
import { run, World } from 'handfast/sim'
import { createServer } from 'node:http'

export async function start(text: string): Promise<Link> {
  const identity: Identity = await singleFile.Identity.open({ name: 'alice' })
  const mesh = await Mesh.open({ identity, relays: ['wss://relay.example'] })
  try {
    return await mesh.accept(Ticket.parse(text).toString())
  } catch (error) {
    if (error instanceof HandfastError && error.code === 'ticket-expired') await mesh.close()
    throw error
  }
}

export async function serve(): Promise<string> {
  attachRelay(createServer(), { path: '/relay', origins: ['https://wallet.example'] })
  const { url } = await startRelay({ port: 0 })
  return url + relayPlugin({ path: '/relay' }).name
}

export const simulate = async () => [await run({ seed: 1 }), World]

// @ts-expect-error -- a name is not yet a PeerId
export const unchecked: PeerId = 'alice'

// @ts-expect-error -- the codes are a closed union
export const unknownCode = (error: HandfastError) => error.code === 'no-such-code'

// @ts-expect-error -- an identity is needed
export const noIdentity = () => Mesh.open({ relays: [] })
