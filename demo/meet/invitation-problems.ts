/** Why an invitation is of no use here, in words, and the way on from there. */

import type { Problem } from '../ui/problems.ts'
import type { Lookalike } from './find-ticket.ts'

export const noInvitation: Record<Lookalike, Problem> = {
  damaged: {
    title: 'This invitation is damaged',
    advice:
      'Letters are missing or were changed on the way. Copy the whole link or ticket again, or ask for it by other means.',
  },
  address: {
    title: 'This is an address, no invitation',
    advice: 'Open “Strangers” to ask there. For a link between you, ask for an invitation.',
  },
  card: {
    title: 'This only says where somebody is to be found',
    advice: 'It helps those who know each other already. Ask for an invitation.',
  },
  backup: {
    title: 'This is a backup, no invitation',
    advice: 'Keep it to yourself. To come back with it, choose “Come back with words or a backup”.',
  },
  words: {
    title: 'These look like recovery words',
    advice:
      'Never give them to anybody. To come back with them, choose “Come back with words or a backup”.',
  },
  link: {
    title: 'There is no invitation in this link',
    advice: 'A whole one has # and hft1 in it. Copy it again; its end may be missing.',
  },
  none: {
    title: 'That is not an invitation',
    advice:
      'A ticket is one long word that starts with hft1, or a link that ends with it. Copy all of it.',
  },
}

export const ownTicket: Problem = {
  title: 'This is your own invitation',
  advice:
    'You can’t meet yourself. Send it to somebody else, or be a second person here to try it.',
}

export const othersTicket: Problem = {
  title: 'This invitation is for somebody else',
  advice: 'It was made for one particular person. Ask for one that is meant for you.',
}

/** Used, withdrawn and unknown tickets are met with the same silence, by design. */
export const nobodyAnswered: Problem = {
  title: 'Nobody answered',
  advice:
    'Their page may be closed: ask them to open it, then try again. Or the invitation was used or withdrawn, which looks the same from here: then ask for a new one.',
}
