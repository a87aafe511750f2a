/** An application as small as can be, built and type-checked against the package in `dist`. */

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

// @ts-expect-error -- the codes are a closed union
export const unknownCode = (error: HandfastError) => error.code === 'no-such-code'

// @ts-expect-error -- an identity is needed
export const noIdentity = () => Mesh.open({ relays: [] })

if (document.location.hash) void start(document.location.hash)
