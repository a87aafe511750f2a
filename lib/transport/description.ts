/**
 * Offers and answers as compact CBOR values, arrays with fixed positions, and the check of those that
 * come from the other side:
 *
 *     description = [ufrag, password, fingerprint (32 bytes, SHA-256), candidates, max message bytes]
 *     candidate   = [type (0 host, 1 server-reflexive, 2 relay), address (4 or 16 bytes, or a `.local` name), port, priority]
 *
 * All candidates are UDP and component 1; related addresses are never told. ICE names and lengths are those of RFC 8839,
 * section 5.4; `.local` names those of the mDNS candidates draft (draft-ietf-mmusic-mdns-ice-candidates).
 */

import { HandfastError } from '../base/errors.ts'
import { maxCandidates, maxFrameBytes, minChannelMessageBytes } from '../base/limits.ts'
import { Fields } from '../codec/fields.ts'
import { formatAddress, isMappedIPv4, parseAddress } from './address.ts'

/** A network address at which a peer may be reached. */
export interface Candidate {
  /** As in SDP: of the host itself, as a STUN server saw it, or of a TURN relay. */
  readonly type: CandidateType
  /** `192.0.2.1`, `2001:db8:0:0:0:0:0:1` with all eight groups in lower case, or a name under `.local`. */
  readonly address: string
  /** UDP, 1 to 65,535. */
  readonly port: number
  /** Higher is preferred, RFC 8445 section 5.1.2. */
  readonly priority: number
}

/** `host`: an address of the device itself. `srflx`: its address as a STUN server sees it. `relay`: an address of a TURN server. */
export type CandidateType = 'host' | 'srflx' | 'relay'

/** In the order of their numbers. [protocol] */
export const candidateTypes: readonly CandidateType[] = ['host', 'srflx', 'relay']

/** What one side tells the other about itself. Which side offers is known from its place in the handshake. */
export interface Description {
  readonly ufrag: string
  readonly password: string
  readonly fingerprint: Uint8Array
  readonly candidates: readonly Candidate[]
  /** The largest message it takes. */
  readonly maxMessageBytes: number
}

const maxPriority = 2 ** 31 - 1
const code = 'bad-description'

export function bad(): never {
  throw new HandfastError(code, 'Malformed')
}

export const encodeDescription = (d: Description): unknown[] => [
  d.ufrag,
  d.password,
  d.fingerprint,
  encodeCandidates(d.candidates),
  d.maxMessageBytes,
]

export const encodeCandidates = (candidates: readonly Candidate[]): unknown[] =>
  candidates.map(({ type, address, port, priority }) => [
    candidateTypes.indexOf(type),
    parseAddress(address) ?? address,
    port,
    priority,
  ])

/** @throws HandfastError `bad-description` */
export function decodeDescription(value: unknown): Description {
  const fields = new Fields(value, 5, code)
  return {
    ufrag: fields.match(/^[\dA-Za-z+/]{4,256}$/),
    password: fields.match(/^[\dA-Za-z+/]{22,256}$/),
    fingerprint: fields.bytes(32),
    candidates: decodeCandidates(fields.any()),
    maxMessageBytes: fields.integer(minChannelMessageBytes, maxFrameBytes),
  }
}

/** @throws HandfastError `bad-description` */
export const decodeCandidates = (value: unknown): Candidate[] =>
  new Fields([value], 1, code).array(maxCandidates, (item) => {
    const fields = new Fields(item.any(), 4, code)
    return {
      type: candidateTypes[fields.integer(0, 2)]!,
      address: normalAddress(fields.any()) ?? bad(),
      port: fields.integer(1, 65_535),
      priority: fields.integer(1, maxPriority),
    }
  })

/** Bytes of an IP address, or a `.local` name, as the text that a `Candidate` holds; undefined for anything else. */
export function normalAddress(value: unknown): string | undefined {
  if (value instanceof Uint8Array) {
    const isIP = value.length === 4 || (value.length === 16 && !isMappedIPv4(value))
    return isIP ? formatAddress(value) : undefined
  }
  const isLocal =
    typeof value === 'string' && /^[\da-z](?:[\da-z-]{0,61}[\da-z])?\.local$/i.test(value)
  return isLocal ? value.toLowerCase() : undefined
}
