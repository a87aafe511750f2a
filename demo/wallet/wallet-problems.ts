/** Why something can't be done with a tally, in words. */

import { explain, type Problem } from '../ui/problems.ts'
import { Refusal, type RefusalCode } from './refusal.ts'
import { maxEntriesPerSide } from './wallet-limits.ts'

const problems: Record<RefusalCode, Problem> = {
  malformed: {
    title: 'That does not make sense to the books',
    advice: 'The other side may have another version of this page.',
  },
  newer: {
    title: 'This page is older than the other side’s',
    advice:
      'It can’t read all of their entries. Reload it: they are fetched then, and nothing is lost.',
  },
  older: {
    title: 'The other side’s page is too old for that',
    advice: 'It would not understand it. Ask them to reload their page.',
  },
  'wrong-party': {
    title: 'Somebody else’s signature is on that',
    advice: 'It was not taken into the books.',
  },
  hole: {
    title: 'Entries are missing here',
    advice: 'They are fetched as soon as you both are here.',
  },
  fork: {
    title: 'The books don’t go together',
    advice: 'Two different entries have the same number. Compare books to see which.',
  },
  'wrong-order': {
    title: 'That can’t be done any more',
    advice: 'The other side was quicker. Look at the tally as it is now.',
  },
  'wrong-tally': {
    title: 'This tally is not open any more',
    advice: 'Look at the tally as it is now.',
  },
  'over-limit': {
    title: 'That is more than you may owe',
    advice: 'Pay a smaller amount, or wait until you are paid.',
  },
  'not-pending': {
    title: 'That request does not wait any more',
    advice: 'It was answered or taken back. Look at the tally as it is now.',
  },
  closing: {
    title: 'You have asked to close this tally',
    advice: 'You can go on if the other side wants to keep it.',
  },
  'not-settled': {
    title: 'The tally is not settled yet',
    advice: 'It can be closed when nobody owes anything and no request waits.',
  },
  full: {
    title: 'Too much is waiting already',
    advice: 'Wait until the other side has answered.',
  },
  'no-room': {
    title: 'These books are full',
    advice: `Each of you can sign ${maxEntriesPerSide.toLocaleString()} entries for the other. What is in them stays.`,
  },
  'not-compared': {
    title: 'You have not compared books yet',
    advice: 'That happens by itself when you both are here, and only the first time.',
  },
}

export const explainDeed = (error: unknown): Problem =>
  error instanceof Refusal ? problems[error.code] : explain(error)

export const explainRefusal = (code: RefusalCode): Problem => problems[code]
