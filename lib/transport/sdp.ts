/**
 * The browser's own SDP, reduced to what another peer needs of it, and SDP rebuilt from what was received: a
 * fixed template around checked values, so that nothing of the other side's text ever reaches the browser.
 * RFC 8866 (SDP), 8839 (ICE), 8841 (SCTP), 8842 (DTLS), 9429 (how browsers use them).
 */

import { maxFrameBytes } from '../base/limits.ts'
import { parseAddress } from './address.ts'
import {
  bad,
  type Candidate,
  candidateTypes,
  decodeDescription,
  type Description,
  normalAddress,
} from './description.ts'

export type Role = 'offer' | 'answer'

/** The offering side leaves the DTLS roles open, the answering side always takes the client's. */
const setup = { offer: 'actpass', answer: 'active' } as const

/**
 * Reads all but the candidates from a local description with one data-channel section.
 * @throws HandfastError `bad-description`
 */
export function readSdp(role: Role, sdp: string): Description {
  /** What follows `prefix` on its line, which may stand in the session part, the media part, or both. */
  const read = (prefix: string, fallback?: string): string => {
    const lines = new Set(sdp.match(new RegExp(`^${prefix}.*`, 'gm')))
    const [line = prefix + (fallback ?? bad())] = lines
    return lines.size > 1 ? bad() : line.slice(prefix.length)
  }
  const isExpected =
    /^application \d+ UDP\/DTLS\/SCTP /.test(read('m=')) &&
    read('a=mid:') === '0' &&
    read('a=setup:') === setup[role]
  if (!isExpected) bad()
  const hex = read('a=fingerprint:sha-256 ').split(':')
  // Zero stands for any size, a missing one for 64 KiB (RFC 8841, section 6): both are beyond the largest frame.
  const size = Number(read('a=max-message-size:', '0'))
  return decodeDescription([
    read('a=ice-ufrag:'),
    read('a=ice-pwd:'),
    Uint8Array.from(hex, (byte) => parseInt(byte, 16)),
    [],
    Math.min(size === 0 ? Infinity : size, maxFrameBytes),
  ])
}

/** The candidate in an `icecandidate` event; undefined where it is of no use to the other side: TCP, or none at all. */
export function readCandidate(text: string): Candidate | undefined {
  const match = /^candidate:\S+ 1 udp (\d+) (\S+) (\d+) typ (host|srflx|relay)(?: |$)/i.exec(text)
  const [, priority, name = '', port, type] = match ?? []
  const address = normalAddress(parseAddress(name) ?? name)
  return address === undefined
    ? undefined
    : {
        type: type!.toLowerCase() as Candidate['type'],
        address,
        port: Number(port),
        priority: Number(priority),
      }
}

/** A whole description for `setRemoteDescription`, except candidates, which follow one by one. */
export function writeSdp(role: Role, description: Description): string {
  const { ufrag, password, fingerprint, maxMessageBytes } = description
  const hex = Array.from(fingerprint, (byte) => byte.toString(16).padStart(2, '0').toUpperCase())
  return `v=0
o=- 1 1 IN IP4 0.0.0.0
s=-
t=0 0
a=group:BUNDLE 0
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=mid:0
a=ice-options:trickle
a=ice-ufrag:${ufrag}
a=ice-pwd:${password}
a=fingerprint:sha-256 ${hex.join(':')}
a=setup:${setup[role]}
a=sctp-port:5000
a=max-message-size:${maxMessageBytes}
`.replaceAll('\n', '\r\n')
}

/** A candidate for `addIceCandidate`. Its foundation is its own: nothing is known of the other side's networks. */
export function writeCandidate({ type, address, port, priority }: Candidate): RTCIceCandidateInit {
  const foundation = 1 + candidateTypes.indexOf(type)
  const any = address.includes(':') ? '::' : '0.0.0.0'
  const related = type === 'host' ? '' : ` raddr ${any} rport 0`
  return {
    candidate: `candidate:${foundation} 1 udp ${priority} ${address} ${port} typ ${type}${related}`,
    sdpMid: '0',
  }
}
