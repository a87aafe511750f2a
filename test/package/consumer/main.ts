/** An application as small as can be, built against the package in `dist`. */

import { HandfastError, Identity, Mesh, type Link } from 'handfast'

export async function start(text: string): Promise<Link> {
  const identity = await Identity.open({ name: 'alice' })
  const mesh = await Mesh.open({ identity, relays: ['wss://relay.example'] })
  try {
    return await mesh.accept(text)
  } catch (error) {
    if (error instanceof HandfastError && error.code === 'ticket-expired') await mesh.close()
    throw error
  }
}

if (document.location.hash) void start(document.location.hash)
