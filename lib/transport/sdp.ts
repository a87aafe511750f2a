/**
 * The browser's own SDP, reduced to what another peer needs of it, and SDP rebuilt from what was received: a
 * fixed template around checked values, so that nothing of the other side's text ever reaches the browser.
 * RFC 8866 (SDP), 8839 (ICE), 8841 (SCTP), 8842 (DTLS), 9429 (how browsers use them).
 */

import { maxFrameBytes } from '../base/limits.ts'
import { parseAddress, formatAddress } from './address.ts'
import {
  bad,
  type Candidate,
  candidateTypes,
  checkDescription,
  type Description,
  isLocalName,
} from './description.ts'

export type Role = 'offer' | 'answer'

/** The offering side leaves the DTLS roles open, the answering side always takes the client's. */
const setup = { offer: 'actpass', answer: 'active' } as const

/** RFC 8841, section 6: what holds where the attribute is missing. */
const defaultMaxMessageBytes = 65_536

/**
 * Reads all but the candidates from a local description with one data-channel section.
 * @throws HandfastError `bad-description`
 */
export function readSdp(role: Role, sdp: string): Description {
  const lines = sdp.split(/\r?\n/)
  const media = lines.filter((line) => line.startsWith('m='))
  if (media.length !== 1 || !/^m=application \d+ UDP\/DTLS\/SCTP /.test(media[0]!)) bad('media')

  /** Attributes may stand in the session part, the media part, or both. */
  const attribute = (name: string, fallback?: string): string => {
    const prefix = `a=${name}:`
    const found = new Set(
      lines.filter((l) => l.startsWith(prefix)).map((l) => l.slice(prefix.length)),
    )
    const [value = fallback] = found
    if (value === undefined || found.size > 1) bad(name)
    return value
  }
  if (attribute('mid') !== '0') bad('mid')
  if (attribute('setup') !== setup[role]) bad('setup')
  const hex = /^sha-256 ((?:[\da-f]{2}:){31}[\da-f]{2})$/i.exec(attribute('fingerprint'))?.[1]
  if (!hex) bad('fingerprint')
  const maxBytes = attribute('max-message-size', String(defaultMaxMessageBytes))
  if (!/^\d+$/.test(maxBytes)) bad('max-message-size')
  return checkDescription({
    ufrag: attribute('ice-ufrag'),
    password: attribute('ice-pwd'),
    fingerprint: Uint8Array.from(hex.split(':'), (byte) => parseInt(byte, 16)),
    candidates: [],
    // Zero stands for any size.
    maxMessageBytes: Math.min(Number(maxBytes) || maxFrameBytes, maxFrameBytes),
  })
}

/** The candidate in an `icecandidate` event; undefined where it is of no use to the other side: TCP, or none at all. */
export function readCandidate(text: string): Candidate | undefined {
  const match = /^candidate:\S+ 1 udp (\d+) (\S+) (\d+) typ (host|srflx|relay)(?: |$)/i.exec(text)
  if (!match) return undefined
  const [, priority, name, port, type] = match
  const bytes = parseAddress(name!)
  if (!bytes && !isLocalName(name)) return undefined
  return {
    type: type!.toLowerCase() as Candidate['type'],
    address: bytes ? formatAddress(bytes) : name!.toLowerCase(),
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
    sdpMLineIndex: 0,
  }
}
