/** What a mesh does, event by event, in words. */

import type { PeerId, TraceEvent, TraceKind } from 'handfast'

/** What one may want to see alone. */
export const areas = ['Finding', 'Connections', 'Messages', 'Tabs'] as const
export type Area = (typeof areas)[number]

const areaOf: Record<TraceKind, Area> = {
  leading: 'Tabs',
  following: 'Tabs',
  missed: 'Tabs',
  'signaling-open': 'Finding',
  'signaling-lost': 'Finding',
  dial: 'Finding',
  'dial-sent': 'Finding',
  'dial-failed': 'Finding',
  answer: 'Finding',
  'answer-failed': 'Finding',
  'refused-packet': 'Finding',
  'session-open': 'Connections',
  'session-end': 'Connections',
  'link-state': 'Connections',
  'message-stored': 'Messages',
  'message-delivered': 'Messages',
  'message-refused': 'Messages',
}

export const areaOfEvent = ({ kind }: TraceEvent): Area => areaOf[kind]

const reasons: Partial<Record<string, string>> = {
  timeout: 'nobody answered in time',
  'signaling-unavailable': 'no relay and no tab took the call',
  'transport-failed': 'no direct connection came about',
  closed: 'it was closed',
  interrupted: 'it was cut short',
  'decrypt-failed': 'it could not be opened',
  'bad-signature': 'the signature is not theirs',
  'bad-certificate': 'the certificate is not good',
  'ticket-expired': 'the invitation has expired',
  'ticket-spent': 'the invitation is used up',
  'ticket-wrong-party': 'the invitation is for somebody else',
  revoked: 'the device was revoked',
  'cut-off': 'you have cut them off',
  locked: 'your keys are locked',
  'queue-full': 'too much was under way',
}

/** What there are no words for is told by its code. */
const because = (reason: string): string => reasons[reason] ?? reason

const ends: Record<Extract<TraceEvent, { kind: 'session-end' }>['reason'], string> = {
  closed: 'one side left',
  idle: 'nothing was said for long',
  glare: 'both had dialled, and the other connection stays',
  replaced: 'a newer one takes its place',
  forgotten: 'one side forgot the other',
  suspended: 'the page slept',
  protocol: 'something came that makes no sense',
  aged: 'it was a day old',
  revoked: 'the device was revoked',
  lost: 'the connection broke',
}

const states: Record<Extract<TraceEvent, { kind: 'link-state' }>['state'], string> = {
  idle: 'is away',
  pending: 'is being dialled',
  ticket: 'answers an invitation',
  request: 'is calling',
  open: 'is here',
  closed: 'is gone for good',
}

const messages = (count: number): string => (count === 1 ? 'A message' : `${count} messages`)

const pathName = (path: string): string => {
  if (path === 'tabs') return 'The tabs of this browser'
  if (path === 'custom') return 'A path of the page'
  return `The relay ${new URL(path).host}`
}

export function traceWords(event: TraceEvent, callPeer: (peer: PeerId) => string): string {
  const isKnown = 'peer' in event && event.peer !== undefined
  const text = tell(event, isKnown ? callPeer(event.peer!) : 'somebody')
  return isKnown ? text : text.charAt(0).toUpperCase() + text.slice(1)
}

function tell(event: TraceEvent, who: string): string {
  switch (event.kind) {
    case 'leading':
      return 'This tab leads: it holds the connections'
    case 'following':
      return 'This tab works through another one of yours'
    case 'missed':
      return `${event.count} events were too many at once to be told here`
    case 'signaling-open':
      return `${pathName(event.path)} can be used`
    case 'signaling-lost':
      return `${pathName(event.path)} can’t be used; trying again`
    case 'dial':
      return `Calling ${who}`
    case 'dial-sent':
      return event.receivers > 0
        ? `The call to ${who} was heard`
        : `The call to ${who} went out, but nobody is listening there now`
    case 'dial-failed':
      return `The call to ${who} failed: ${because(event.reason)}`
    case 'answer':
      return `${who} calls; answering`
    case 'answer-failed':
      return `${who} called, but no connection came about`
    case 'refused-packet':
      return `A call was left unanswered: ${because(event.reason)}`
    case 'session-open':
      return `Connected with ${who}: both have proven who they are (Noise ${event.handshake})`
    case 'session-end':
      return `The connection with ${who} ended: ${ends[event.reason]}`
    case 'link-state':
      return `${who} ${states[event.state]}`
    case 'message-stored':
      return `${messages(event.count)} for ${who} ${event.count === 1 ? 'is' : 'are'} stored; ${event.waiting} ${event.waiting === 1 ? 'waits' : 'wait'}`
    case 'message-delivered':
      return `${who} has received a message`
    case 'message-refused':
      return `${who} refused a message`
  }
}
