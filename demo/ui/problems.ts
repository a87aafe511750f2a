/** Every error a person may meet, in words: what happened, and what to do about it. */

import { HandfastError } from 'handfast'

export interface Problem {
  title: string
  advice: string
  /** A way on, as a link. */
  way?: { readonly word: string; readonly href: string; onClick?(): void }
}

export const expiredTicket: Problem = {
  title: 'This invitation has expired',
  advice: 'Nobody can use it any more. Ask the person who sent it for a new one.',
}

const problems: Partial<Record<string, Problem>> = {
  'bad-ticket': {
    title: 'That is not an invitation',
    advice:
      'A ticket is one long word that starts with hft1. Copy the whole link or ticket again; part of it may be missing.',
  },
  'ticket-expired': expiredTicket,
  'ticket-wrong-party': {
    title: 'This invitation is for somebody else',
    advice: 'It was made for one particular person. Ask for one that is meant for you.',
  },
  'ticket-spent': {
    title: 'This invitation is used up',
    advice: 'Ask the person who sent it for a new one.',
  },
  'bad-address': {
    title: 'That is not an address',
    advice:
      'An address is one long word that starts with hfa1. Part of it may be missing: copy it again.',
  },
  'address-expired': {
    title: 'This address has expired',
    advice: 'Look for a new one where you found it.',
  },
  timeout: {
    title: 'Nobody answered',
    advice: 'They need to have this page open, too. Try again when they are here.',
  },
  'transport-failed': {
    title: 'You found each other, but no direct connection was possible',
    advice: 'A firewall or a VPN may be in the way. Try again, or from another network.',
  },
  'signaling-unavailable': {
    title: 'There is no way to reach them right now',
    advice: 'The relay does not answer. Check your connection and try again.',
  },
  'storage-failed': {
    title: 'This browser could not store your keys',
    advice:
      'Allow this site to store data, free some space, or leave the private window, then try again.',
  },
  'storage-blocked': {
    title: 'Another tab is still using an older version of this page',
    advice: 'Close the other tabs of this page, then try again.',
  },
  'queue-full': {
    title: 'Too much is waiting already',
    advice: 'Wait until the other side is here and has received what you sent.',
  },
  'too-large': { title: 'That is too large', advice: 'Send something shorter.' },
  'no-handler': {
    title: 'The other side does not know that request',
    advice: 'They may have an older version of this page.',
  },
  interrupted: {
    title: 'The connection ended in the middle',
    advice: 'Try again; it is made anew by itself.',
  },
  locked: { title: 'Your keys are locked', advice: 'Unlock them, then try again.' },
  forbidden: {
    title: 'They do not let you do that',
    advice: 'It is theirs to allow. Ask them by other means.',
  },
  'cut-off': {
    title: 'You have cut this person off for good',
    advice: 'That can’t be undone: they would need another key, and so to be somebody else.',
  },
  'no-root': {
    title: 'Your main key is missing',
    advice:
      'It is neither in this browser nor in this backup: your recovery words are needed, too.',
  },
  'bad-words': {
    title: 'Those are not recovery words',
    advice: 'There are 24 of them. Look for one that is mistyped or out of order.',
  },
  'bad-key': {
    title: 'That is another main key',
    advice:
      'These words, or this backup, are somebody else’s. Look for those that belong together.',
  },
  'bad-backup': {
    title: 'That is not a backup',
    advice: 'Choose the file that you saved from here, or recovery words encrypted with age.',
  },
  'wrong-passphrase': {
    title: 'The passphrase is another one',
    advice: 'Capitals and spaces count. Try again.',
  },
  'identity-exists': {
    title: 'Somebody of that name is in this browser already',
    advice: 'Choose another name for them here.',
  },
  refused: {
    title: 'The other device said no',
    advice: 'If the digits were the same on both, ask for a new invitation there.',
  },
  'certificate-expired': {
    title: 'This device’s certificate has expired',
    advice: 'Renew it with your recovery words or your backup.',
  },
  revoked: {
    title: 'This device was revoked',
    advice: 'Another device of yours has shut it out, for good. It can reach nobody any more.',
  },
  closed: { title: 'This link has been closed', advice: 'Reload the page.' },
}

export const codeOf = (error: unknown): string | undefined =>
  error instanceof HandfastError ? error.code : undefined

export function explain(error: unknown): Problem {
  const known = problems[codeOf(error) ?? '']
  if (known) return known
  const detail = error instanceof Error ? error.message : String(error)
  return {
    title: 'Something unexpected happened',
    advice: `${detail}. Reload the page and try again.`,
  }
}
