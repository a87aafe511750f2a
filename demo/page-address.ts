/** What the page's address says: who this tab is, which relay to use, and the addresses made from it for others. */

import type { Ticket } from 'handfast'
import { rememberedPerson } from './people/persons.ts'
import { maxCodeBytes } from './meet/qr-modules.ts'
import { cleanName, friendlyName, rememberedName } from './people/names.ts'
import { changeSettings, isRelay, readSettings } from './settings/settings.ts'

const parameters = new URLSearchParams(location.search)

/** The name in `?as=`, if any. */
const chosenName = cleanName(parameters.get('as'))

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

/** Named by `?relay=`, once for each; an empty one is none. */
const chosenRelays = parameters.getAll('relay')

export const hasRelaysInAddress = chosenRelays.length > 0

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

const storedRelays = readSettings().relays

/**
 * Who came by somebody's link to a page without a relay is still to be found at the next visit: once they have accepted, since anybody can
 * send a link.
 */
export function keepRelays(): void {
  if (storedRelays === null && hostRelays.length === 0 && chosenRelays.some(isRelay)) {
    changeSettings({ relays: chosenRelays.filter(isRelay) })
  }
}

/** The relays in use. Without any, the tabs of this browser still find each other. */
export const relays: readonly string[] = hasRelaysInAddress
  ? chosenRelays.filter((relay) => relay !== '')
  : (storedRelays ?? hostRelays)

/** Those that somebody who opens the same page does not have. */
const ownRelays = relays === hostRelays ? [] : relays

/** A link opened on another device can't reach a page that only this computer serves. */
export const onLoopback = /^(localhost|127\.|\[::1\])/.test(location.hostname)

export function pageFor(name: string | null, withRelays = true): string {
  // Not from the path alone: one that begins with two slashes would be another host's.
  const url = new URL(location.href)
  url.search = ''
  url.hash = ''
  if (name) url.searchParams.set('as', name)
  if (withRelays) for (const relay of ownRelays) url.searchParams.append('relay', relay)
  return url.href
}

/** The link to send: whoever opens it is asked whether to accept. */
export const invitationLink = (ticket: Ticket): string => ticket.toURL(pageFor(null))

/** The same, opened as a second person of this browser. */
export const secondPersonLink = (ticket: Ticket, name: string): string =>
  ticket.toURL(pageFor(name))

export const withoutChosenRelays = (): string => pageFor(chosenName, false) + location.hash
/** As somebody who is not in this browser yet. */
export const someoneElse = (ticket: Ticket): string =>
  secondPersonLink(ticket, friendlyName([ownName]))

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
