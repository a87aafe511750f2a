/** The figures that the documents name are those of `lib/base/limits.ts`. */

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import sizes from '../../../.size-limit.json' with { type: 'json' }
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
      `A certificate is at most ${format(limits.maxCertificateBytes)} bytes`,
      `path-length: 0..${limits.maxPathLength}, ; how many certificates may follow`,
      `path-length: 1..${limits.maxChainLength}, ; how long that`,
      `scopes = [0*${limits.maxScopes} scope] scope = tstr .size (1..${limits.maxScopeBytes})`,
      `chain = [1*${limits.maxChainLength} bstr`,
      `peer-chain = [0*${limits.maxChainLength} bstr`,
      `with path length ${limits.maxPathLength} and scope`,
      `not-before − ${limits.certificateClockToleranceS / 3600} h ≤ now ≤`,
      `revoked: [0*${limits.maxRevokedDevices} public-key]`,
      `At most ${format(limits.maxRevocationsBytes)} bytes, signed by the root`,
      `purpose: tstr .size (1..${limits.maxSigningPurposeBytes}), message: bstr .size (0..${limits.maxSignedMessageBytes})`,
      `At most ${format(limits.maxSignedBytes)} bytes. The chain must be the subject's, its scopes`,
      `at most ${limits.maxAnnouncementsPerSession} a session`,
      `At most ${format(limits.maxCardBytes)} bytes. The chain must be the subject's`,
      `for at least ${limits.formerRelaysMs / hours / 24} days`,
      `gives up after ${limits.dialTimeoutMs / 1000} s`,
      `A packet Q has ${format(limits.queryPacketBytes[0])}, ${format(limits.queryPacketBytes[1])} or ${format(limits.queryPacketBytes[2])} bytes in all`,
      `params: bstr .size (1..${limits.maxQueryValueBytes})`,
      `result: bstr .size (0..${limits.maxQueryValueBytes})`,
      `(${limits.addressBurst} packets at once, ${limits.addressPacketsPerS} a second)`,
      `whether there is room (${limits.maxConcurrentQueries} at a time)`,
      `The last ${format(limits.maxKnownQueries)} answered`,
      `At most ${format(limits.maxAddressBytes)} bytes. The chain must be the subject's, the box key`,
      `after ${limits.unprovenTimeoutMs / 1000} s it is dropped`,
      `waiting ${limits.firstCandidateMs} ms for a first one, or ${limits.firstRelayCandidateMs / 1000} s`,
      `at most ${limits.maxUnprovenAttempts} attempts`,
      `${limits.mailboxBurst} packets at once, ${limits.mailboxPacketsPerS} a second`,
      `at most ${['no', 'one', 'two'][limits.keyAgreementsPerPacket]!} X25519 and two AEAD`,
      `for up to ${format(limits.maxSharedSecrets)} of them`,
      `${format(limits.keyAgreementsPerS)} a second, ${limits.keyAgreementBurst} at once`,
      `At most ${limits.maxWaitingPackets} wait of one path and turn, of these ${limits.maxWaitingPerContact} of one contact`,
      `${limits.maxWaitingStrangers} of one ticket or address`,
      `pauses every ${limits.packetWorkMs} ms`,
      `had ${limits.maxExcessPackets} packets beyond its budget (an address ${format(limits.maxExcessQueries)})`,
      `half are forgotten in ${limits.excessHalfLifeMs / 1000} s, is left on that path for ${limits.floodPauseMinMs / 1000} s`,
      `up to ${limits.floodPauseMaxMs / 1000} s; how often it was is forgotten by halves in ${limits.floodPauseHalfLifeMs / 60_000} minutes`,
      `sent ${format(limits.maxRelayLoad)} messages (${limits.relayLoadBytes / 1024} KiB count as one more), of which half are forgotten in ${limits.relayLoadHalfLifeMs / 1000} s, is left for ${limits.relayBanMinMs / 1000} s`,
      `up to ${limits.relayBanMaxMs / 60_000} minutes; forgotten by halves in an hour`,
      `answered ${limits.maxCallsPerContact} times, of which half are forgotten in ${limits.callHalfLifeMs / 1000} s; a call that was proven counts a ${{ 0.25: 'quarter' }[limits.provenCallWeight]!}.`,
      `reserved ${limits.reservationMs / 60_000} minutes ago`,
    ],
  ],
  [
    'README.md',
    [
      `at most ${largest} − ${smaller} bytes`,
      `up to ${inMiB(limits.streamWindowBytes)} on its way`,
      `up to ${inMiB(limits.maxQueuedBytes)} of messages`,
      `up to ${format(limits.maxContacts)} contacts`,
      `Our own code is at most ${sizes[0]!.limit.replace('kB', 'KB')}`,
    ],
  ],
  ['docs/guides/getting-started.md', [`A message has at most ${inMiB(limits.maxMessageBytes)}`]],
  [
    'docs/guides/run-a-relay.md',
    [
      `From one address: ${limits.relayLimits.maxConnectionsPerAddress}`,
      `\`--max-connections ${limits.relayLimits.maxConnections}\``,
      `the ${limits.relayLimits.pingAfterMs / 1000} s of silence`,
      `at the old one for ${limits.formerRelaysMs / hours / 24} days`,
    ],
  ],
  [
    'docs/guides/add-to-your-wallet.md',
    [
      `within the ${limits.dialTimeoutMs / 1000} seconds that`,
      `good for ${limits.defaultAddressLifetimeMs / hours / 24} days; it may be published`,
    ],
  ],
  [
    'docs/guides/developer-tools.md',
    [`takes ${{ 1000: 'a second' }[limits.statsTimeoutMs]!} at most`],
  ],
  [
    'docs/delivery.md',
    [
      `(${limits.commitMessages} of them, or ${limits.commitDelayMs} ms;`,
      `comes again after ${limits.handlerRetryMinMs / 1000} s, doubling to ${limits.handlerRetryMaxMs / 1000} s`,
      `more than ${inMiB(limits.maxQueuedBytes)} wait (${limits.messageOverheadBytes} bytes a message included)`,
      `after ${limits.storePatienceMs / 1000} s of trying again`,
      `the last ${format(limits.maxRefusals)} stretches`,
      `keeps up to ${inMiB(limits.maxDraftBytes)} a link`,
      `tried at least every ${limits.relayRetryMaxMs / 1000} s`,
      `noticed ${(limits.pingAfterSilenceMs + limits.silentAfterMs) / 1000} s after`,
      `${(limits.pingTimeoutMs - limits.silentAfterMs) / 1000} s later the old one is dead`,
    ],
  ],
  ['docs/storage.md', [`no answer for ${limits.databaseStallMs / 1000} s`]],
  [
    'docs/guides/devices.md',
    [
      `from ${limits.minCertificateLifetimeMs / hours / 24} days`,
      `In the last ${limits.certificateWarningMs / hours / 24} days`,
    ],
  ],
  [
    'docs/architecture.md',
    [
      `one that is ${limits.maxSessionAgeMs / hours} hours old`,
      `After ${limits.pingAfterSilenceMs / 1000} s of silence`,
      `did not last ${limits.briefSessionMs / 1000} s only`,
      `${limits.silentAfterMs / 1000} s later the next dial begins beside the session, and ${limits.pingTimeoutMs / 1000} s after`,
      `keeps the next ${inMiB(limits.maxHeldBytes)} to send`,
      `no answer for ${limits.introduceAfterMs / 1000} s`,
      `${limits.racingDialMs / 1000} s ─▶ device 2`,
      `silent for ${limits.leaderSilenceMs / 1000} s has`,
      `at most ${{ 10: 'ten' }[1000 / limits.adoptEveryMs]!} times a second`,
    ],
  ],
  [
    'docs/security.md',
    [
      `every ${format(limits.framesPerRekey)} frames, sessions after ${limits.maxSessionAgeMs / hours} hours`,
      `up to ${inMiB(limits.maxQueuedBytes)} of messages`,
      `At most ${limits.maxRelays} relays`,
      `at most two key agreements and two decryptions for what nothing proves, ${format(limits.keyAgreementsPerS)} a second`,
      `A name is yours alone, at most ${limits.maxPersonNameLength} characters`,
      `keeps ${limits.maxJournalEvents / 2} of one's own acts and ${limits.maxJournalEvents / 2} of what`,
      `costs one unproven attempt for ${limits.unprovenTimeoutMs / 1000} seconds`,
      `not answered by other means for ${limits.introduceAfterMs / 1000} seconds`,
      `${limits.introductionBurst} packets at once, then one in ${['', '', 'two'][1 / limits.introductionsPerS]!} seconds`,
      `through ${limits.maxIntroducers} connected contacts`,
      `for ${limits.floodPauseMinMs / 1000} to ${limits.floodPauseMaxMs / 1000} seconds, a relay that floods for ${limits.relayBanMinMs / 1000} seconds to ${limits.relayBanMaxMs / 60_000} minutes`,
      `${inMiB(limits.maxRunningBytes)} of requests being handled, ${limits.maxStreams} streams of ${inMiB(limits.streamWindowBytes)} unread, ${inMiB(limits.maxUnackedBytes)} of messages and ${['', '', '', '', 'four'][limits.maxTransfers]!} large records`,
      `PBKDF2-HMAC-SHA-256, ${format(limits.passphraseIterations)} rounds`,
      `costs ${format(limits.passphraseIterations)} rounds a try`,
      `from ${limits.minCertificateLifetimeMs / hours / 24} days, a stolen device`,
      `In the last ${limits.certificateWarningMs / hours / 24} days`,
      `believed for ${limits.certificateClockToleranceS / 3600} hours before`,
    ],
  ],
])('%s', (path, phrases) => {
  const text = read(path)
  test.each(phrases)('%s', (phrase) => expect(text).toContain(phrase))
})
