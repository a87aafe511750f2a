/** Every error a person may meet, in words: what happened, and what to do about it. */

import { HandfastError } from 'handfast'

export interface Problem {
  title: string
  advice: string
}

export const expiredTicket: Problem = {
  title: 'This invitation has expired',
  advice: 'Ask the person who sent it for a new one.',
}

export const ownTicket: Problem = {
  title: 'This is your own invitation',
  advice: 'Give it to somebody else, or open it as a second person in another tab.',
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
  timeout: {
    title: 'Nobody answered',
    advice:
      'They need to have this page open, too. If they do, the invitation may have been used or withdrawn: ask for a new one.',
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
