/** What the page's address says: who this tab is, which relay to use, and the addresses made from it for others. */

import type { Ticket } from 'handfast'
import { cleanName, rememberedName } from './people/names.ts'

const parameters = new URLSearchParams(location.search)

const chosenName = cleanName(parameters.get('as'))

/** Which of this browser's identities this tab is: `?as=robin`. */
export const identityName = chosenName ?? 'me'

/** What others see: the name of the identity; for the one without a chosen name, one that was drawn for it once. */
export const ownName = chosenName ?? rememberedName()

/** `?restore`: somebody is to be brought back into this browser. */
export const isRestoring = parameters.has('restore')

/** `?join`: this browser is to become a device of somebody, by the ticket in the fragment. */
export const isJoining = parameters.has('join')

/** The relay named by `?relay=`, if any. */
const chosenRelay = parameters.get('relay')

/** Of tickets for further devices of one's own. */
export const devicePurpose = 'device'

const socketScheme = location.protocol === 'https:' ? 'wss:' : 'ws:'

/** The relay in use; without a choice, the one that the dev server runs beside the page. */
export const relay = chosenRelay ?? `${socketScheme}//${location.host}/relay`

/** A link opened on another device can't reach a page that only this computer serves. */
export const onLoopback = /^(localhost|127\.|\[::1\])/.test(location.hostname)

export function pageFor(name: string | null, withRelay = true): string {
  const url = new URL(location.pathname, location.origin)
  if (name) url.searchParams.set('as', name)
  if (withRelay && chosenRelay) url.searchParams.set('relay', chosenRelay)
  return url.href
}

/** The link to send: whoever opens it is asked whether to accept. */
export const invitationLink = (ticket: Ticket): string => ticket.toURL(pageFor(null))

/** The same, opened as a second person of this browser. */
export const secondPersonLink = (ticket: Ticket, name: string): string =>
  ticket.toURL(pageFor(name))

export const withoutChosenRelay = (): string => pageFor(chosenName, false) + location.hash

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
