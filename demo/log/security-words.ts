/** What a security event means, for people who know nothing of the field. */

import type { SecurityEvent, SecurityEventKind } from 'handfast'
import type { IconName } from '../ui/icon.tsx'

interface Words {
  icon: IconName
  /** `who`: whom it is about; “You” where it is about one's own devices. */
  say(who: string, event: SecurityEvent): string
  /** Something to look into. */
  isAlarm?: boolean
}

const count = (detail: string | undefined): string =>
  detail === '1' ? 'A message' : `${detail ?? 'Some'} messages`

const words: Record<SecurityEventKind, Words> = {
  'contact-added': { icon: 'plus', say: (who) => `You met ${who}` },
  'contact-forgotten': { icon: 'trash', say: (who) => `You forgot ${who}` },
  'contact-cut-off': { icon: 'cross', say: (who) => `You cut ${who} off for good` },
  'device-added': {
    icon: 'tabs',
    say: (who, { peer }) => (peer ? `${who} uses another device` : 'A device of yours was added'),
  },
  'device-revoked': {
    icon: 'cross',
    say: (who, { peer }) =>
      peer ? `${who} revoked a device: it is let in no more` : 'A device of yours was revoked',
  },
  verified: { icon: 'shield-check', say: (who) => `You compared safety numbers with ${who}` },
  unverified: { icon: 'shield', say: (who) => `You took the verified mark away from ${who}` },
  'rights-changed': { icon: 'key', say: (who) => `You changed what ${who} may do` },
  refused: {
    icon: 'cross',
    say: (who) => `${who} tried what you do not allow; it was refused`,
  },
  rollback: {
    icon: 'warning',
    say: () => 'This browser was set back to an older copy of its storage',
    isAlarm: true,
  },
  gap: {
    icon: 'warning',
    say: (who, { detail }) => `${count(detail)} of ${who} went missing`,
    isAlarm: true,
  },
  flood: {
    icon: 'warning',
    say: (who, { peer }) => `Far too much came in${peer ? ` from ${who}` : ''}; it was dropped`,
    isAlarm: true,
  },
  'ticket-redeemed': { icon: 'check', say: (who) => `${who} used an invitation of yours` },
  'root-removed': { icon: 'key', say: () => 'You removed your main key from this browser' },
  'root-used': { icon: 'key', say: () => 'Your main key was brought in for a task' },
  'backup-made': { icon: 'share', say: () => 'You made a backup' },
  'backup-restored': { icon: 'check', say: () => 'Your keys were restored here' },
  'certificate-expiring': {
    icon: 'clock',
    say: () => 'This device’s certificate expires soon: renew it',
    isAlarm: true,
  },
  'certificate-renewed': { icon: 'check', say: () => 'This device’s certificate was renewed' },
  locked: { icon: 'lock', say: () => 'You locked your keys' },
  unlocked: { icon: 'lock-open', say: () => 'You unlocked your keys' },
  'passphrase-changed': { icon: 'lock', say: () => 'You changed what opens your keys' },
}

/** A version to come may know more kinds. */
const other: Words = { icon: 'here', say: (_who, { kind }) => kind }

export function inWords(
  event: SecurityEvent,
  who: string,
): { icon: IconName; text: string; isAlarm: boolean } {
  const { icon, say, isAlarm = false } = words[event.kind] ?? other
  const text = say(who, event)
  // A name stays as it is written.
  const isName = event.peer !== undefined && text.startsWith(who)
  return { icon, text: isName ? text : text.charAt(0).toUpperCase() + text.slice(1), isAlarm }
}
