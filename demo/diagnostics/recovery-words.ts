/** What a tab that was broken on purpose is going through, in plain words. */

import type { PeerId } from 'handfast'
import type { Recovery, Standing } from './recovery.ts'

interface Words {
  title: string
  text: string
}

const names = new Intl.ListFormat('en', { type: 'conjunction' })

const messages = (count: number): string => (count === 1 ? '1 message' : `${count} messages`)

const seconds = (ms: number): string => `${Math.max(0.1, ms / 1000).toFixed(1)} s`

const sumOf = (counts: ReadonlyMap<PeerId, number>): number =>
  [...counts.values()].reduce((sum, count) => sum + count, 0)

export function recoveryWords(
  recovery: Exclude<Recovery, { phase: 'well' }>,
  standing: Standing,
  callPeer: (peer: PeerId) => string,
): Words {
  const listed = (peers: Iterable<PeerId>) => names.format([...peers].map(callPeer))
  const waiting = sumOf(standing.waiting)
  switch (recovery.phase) {
    case 'cut':
      if (recovery.cut.has('network')) {
        const one = 'waits here, safely stored, and goes out by itself'
        const many = 'wait here, safely stored, and go out by themselves'
        const what = waiting === 0 ? 'What you write' : messages(waiting)
        return {
          title: 'You are offline',
          text: `Nobody can reach this tab. ${what} ${waiting > 1 ? many : one} when you are back.`,
        }
      }
      return {
        title: 'The relay is off',
        text:
          standing.here.size > 0
            ? `${listed(standing.here)} stay${standing.here.size === 1 ? 's' : ''} connected: your browsers talk to each other directly. The relay is needed only to find each other.`
            : 'Nobody from elsewhere can find this tab now; other tabs of this browser still can.',
      }
    case 'mending': {
      const missed = [...recovery.before].filter((peer) => !standing.here.has(peer))
      return {
        title: recovery.cause === 'crash' ? 'This tab crashed, and is open again' : 'Back again',
        text: [
          recovery.cause === 'crash' && 'Keys, people and messages are all there.',
          missed.length > 0 ? `Looking for ${listed(missed)}…` : 'Looking for the relay…',
          waiting > 0 && `${messages(waiting)} still to be delivered.`,
        ]
          .filter(Boolean)
          .join(' '),
      }
    }
    case 'mended':
      return {
        title: `Recovered in ${seconds(recovery.tookMs)}`,
        text: [
          recovery.cause === 'crash' && 'Keys, people and messages are all there.',
          recovery.back.size > 0 &&
            (recovery.cause === 'relay'
              ? `${listed(recovery.back)} never noticed.`
              : `${listed(recovery.back)} ${recovery.back.size === 1 ? 'is' : 'are'} here again.`),
          recovery.back.size === 0 && recovery.cause !== 'crash' && 'People can find you again.',
          recovery.sent > 0 &&
            `${messages(recovery.sent)} ${recovery.sent === 1 ? 'was' : 'were'} delivered.`,
        ]
          .filter(Boolean)
          .join(' '),
      }
    case 'given up':
      return {
        title: 'Not everything is back yet',
        text: [
          recovery.missed.size > 0 &&
            `${listed(recovery.missed)} ${recovery.missed.size === 1 ? 'is' : 'are'} away now.`,
          recovery.missed.size === 0 && !standing.isReachable && 'The relay does not answer.',
          waiting > 0 && `${messages(waiting)} wait${waiting === 1 ? 's' : ''} until they come.`,
        ]
          .filter(Boolean)
          .join(' '),
      }
  }
}
