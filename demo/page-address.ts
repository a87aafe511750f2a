/** What the page's address says: who this tab is, which relays it proposes, and the addresses made from it for others. */

import type { Ticket } from 'handfast'
import { rememberedPerson } from './people/persons.ts'
import { maxCodeBytes } from './meet/qr-modules.ts'
import { cleanName, rememberedName } from './people/names.ts'
import { isRelay, readSettings } from './settings/settings.ts'

const parameters = new URLSearchParams(location.search)

/** The name in `?as=`, if any. */
export const chosenName = cleanName(parameters.get('as'))

/** Which of this browser's identities this tab is: `?as=robin`; without it, the one that is remembered. */
export const identityName = chosenName ?? rememberedPerson()

/** What others see: the name that one gave oneself here, else that of the identity, else one that was drawn for it once. */
export const ownName = rememberedName(identityName)

/** `?restore`: somebody is to be brought back into this browser. */
export const isRestoring = parameters.has('restore')

/** `?join`: this browser is to become a device of somebody, by the ticket in the fragment. */
export const isJoining = parameters.has('join')

/** Of tickets for further devices of one's own. */
export const devicePurpose = 'device'

/** A path is one of the page's own host. */
const socketUrl = (address: string): string =>
  new URL(address, location.href).href.replace(/^http/, 'ws')

/** What whoever hosts the page has named in its head; the dev server names the relay that it runs beside the page. */
export const hostRelays: readonly string[] = (
  document.querySelector<HTMLMetaElement>('meta[name=handfast-relays]')?.content ?? ''
)
  .split(/\s+/)
  .filter((address) => address !== '')
  .map(socketUrl)
  .filter(isRelay)

/** The relays in use. Without any, the tabs of this browser still find each other. */
export const relays: readonly string[] = readSettings().relays ?? hostRelays

/**
 * What `?relay=` names besides: a proposal, of which nothing is used before one has said so. Anybody can send a link, and who runs the
 * relay sees when one comes online.
 */
export const proposedRelays: readonly string[] = parameters
  .getAll('relay')
  .filter((relay) => relay !== '' && !relays.includes(relay))

/** It is answered, and not to be asked again. */
export function dropProposal(): void {
  const url = new URL(location.href)
  url.searchParams.delete('relay')
  history.replaceState(history.state, '', url)
}

/** A link opened on another device can't reach a page that only this computer serves. */
export const onLoopback = /^(localhost|127\.|\[::1\])/.test(location.hostname)

export function pageFor(name: string | null): string {
  // Not from the path alone: one that begins with two slashes would be another host's.
  const url = new URL(location.href)
  url.search = ''
  url.hash = ''
  if (name) url.searchParams.set('as', name)
  return url.href
}

/** The link to send: whoever opens it is asked whether to accept. */
export const invitationLink = (ticket: Ticket): string => ticket.toURL(pageFor(null))

/** The same, opened as a second person of this browser. */
export const secondPersonLink = (ticket: Ticket, name: string): string =>
  ticket.toURL(pageFor(name))

/** What its QR code holds: the link, for any camera app to open; where that leads nowhere else, the ticket, in a smaller code. */
export function codeText(ticket: Ticket, link: string = invitationLink(ticket)): string {
  return onLoopback || link.length > maxCodeBytes ? ticket.toQRText() : link
}

export function restoreLink(): string {
  const url = new URL(pageFor(null))
  url.searchParams.set('restore', '')
  return url.href
}

/** For another browser of one's own: it becomes a further device. */
export function joinLink(ticket: Ticket): string {
  const url = new URL(pageFor(null))
  url.searchParams.set('join', '')
  return ticket.toURL(url.href)
}
