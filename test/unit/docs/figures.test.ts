/** The figures that the documents name are those of `lib/base/limits.ts`. */

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import * as limits from '../../../lib/base/limits.ts'

const read = (path: string) =>
  readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8').replace(/\s+/g, ' ')

const MiB = 1024 * 1024
const hours = 3600_000
const { format } = new Intl.NumberFormat('en')
const inMiB = (bytes: number) => `${bytes / MiB} MiB`
const largest = inMiB(limits.maxMessageBytes)
const smaller = limits.maxMessageBytes - limits.maxValueBytes

describe.each([
  [
    'docs/protocol.md',
    [
      `of the application; at most ${largest} − ${smaller} bytes`,
      `a whole record has at most ${largest}: a value's ${smaller} bytes less`,
      `last: false, bytes: bstr .size (${limits.minPartBytes}..${limits.maxFrameBytes})`,
      `each before it has at least ${limits.minPartBytes} bytes`,
      `At most ${limits.maxTransfers} transfers`,
      `uses up its bytes and ${limits.messageOverheadBytes} more`,
      `a credit of ${inMiB(limits.streamWindowBytes)}`,
      `more than ${inMiB(limits.streamWindowBytes)} of credit outstanding`,
      `bytes: 1..${limits.streamWindowBytes}`,
      `at most ${limits.maxStreams} are open`,
      `At most ${limits.maxConcurrentRequests} are handled`,
      `at most ${inMiB(limits.maxUnackedBytes)} unacknowledged`,
      `counting each message's value and ${limits.messageOverheadBytes} bytes`,
      `older than ${limits.maxSessionAgeMs / hours} hours`,
      `no frame for ${limits.pingAfterSilenceMs / 1000} s sends a ping`,
      `Without one for ${limits.silentAfterMs / 1000} s it may dial`,
      `(${limits.silentAfterWakeMs / 1000} s when its`,
      `without one for ${limits.pingTimeoutMs / 1000} s the session is dead`,
      `at most ${format(limits.maxFrameBytes)} bytes, tag included`,
      `at most ${format(limits.maxPacketBytes)} bytes.`,
      `at most ${limits.maxCardsPerSession} a session`,
      `At most ${format(limits.maxCardBytes)} bytes. The chain must be the subject's`,
      `for at least ${limits.formerRelaysMs / hours / 24} days`,
      `gives up after ${limits.dialTimeoutMs / 1000} s`,
      `after ${limits.unprovenTimeoutMs / 1000} s it is dropped`,
      `waiting ${limits.firstCandidateMs} ms for a first one, or ${limits.firstRelayCandidateMs / 1000} s`,
      `at most ${limits.maxUnprovenAttempts} attempts`,
      `${limits.mailboxBurst} packets at once, ${limits.mailboxPacketsPerS} a second`,
    ],
  ],
  [
    'README.md',
    [
      `at most ${largest} − ${smaller} bytes`,
      `up to ${inMiB(limits.streamWindowBytes)} on its way`,
      `up to ${inMiB(limits.maxQueuedBytes)} of messages`,
      `up to ${format(limits.maxContacts)} contacts`,
    ],
  ],
  [
    'docs/architecture.md',
    [
      `one that is ${limits.maxSessionAgeMs / hours} hours old`,
      `After ${limits.pingAfterSilenceMs / 1000} s of silence`,
      `did not last ${limits.briefSessionMs / 1000} s only`,
    ],
  ],
  [
    'docs/security.md',
    [
      `every ${format(limits.framesPerRekey)} frames, sessions after ${limits.maxSessionAgeMs / hours} hours`,
      `up to ${inMiB(limits.maxQueuedBytes)} of messages`,
      `At most ${limits.maxRelays} relays`,
    ],
  ],
])('%s', (path, phrases) => {
  const text = read(path)
  test.each(phrases)('%s', (phrase) => expect(text).toContain(phrase))
})
