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
import { formatAddress, isMappedIPv4, parseAddress } from './address.ts'

/** A network address at which a peer may be reached. */
export interface Candidate {
  /** As in SDP: of the host itself, as a STUN server saw it, or of a TURN relay. */
  readonly type: CandidateType
  /** `192.0.2.1`, `2001:db8:0:0:0:0:0:1` with all eight groups in lower case, or a name under `.local`. */
  readonly address: string
  readonly port: number
  /** Higher is preferred, RFC 8445 section 5.1.2. */
  readonly priority: number
}

export const candidateTypes = ['host', 'srflx', 'relay'] as const
export type CandidateType = (typeof candidateTypes)[number]

/** What one side tells the other about itself. Which side offers is known from its place in the handshake. */
export interface Description {
  readonly ufrag: string
  readonly password: string
  readonly fingerprint: Uint8Array
  readonly candidates: readonly Candidate[]
  /** The largest message it takes. */
  readonly maxMessageBytes: number
}

const ufragPattern = /^[\dA-Za-z+/]{4,256}$/
const passwordPattern = /^[\dA-Za-z+/]{22,256}$/
const localNamePattern = /^[\da-z](?:[\da-z-]{0,61}[\da-z])?\.local$/i
const maxPriority = 2 ** 31 - 1

export function bad(what: string): never {
  throw new HandfastError('bad-description', what)
}

/** Whether the parts are what a description may hold; candidates are judged one by one. */
export function checkDescription(description: Description): Description {
  const { ufrag, password, fingerprint, maxMessageBytes } = description
  if (!isText(ufrag, ufragPattern)) bad('ufrag')
  if (!isText(password, passwordPattern)) bad('password')
  if (!(fingerprint instanceof Uint8Array) || fingerprint.length !== 32) bad('fingerprint')
  if (!isInteger(maxMessageBytes, minChannelMessageBytes, maxFrameBytes)) bad('max message bytes')
  return description
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
  const [ufrag, password, fingerprint, candidates, maxMessageBytes] = tuple(value, 5)
  return checkDescription({
    ufrag,
    password,
    fingerprint,
    candidates: decodeCandidates(candidates),
    maxMessageBytes,
  } as Description)
}

/** @throws HandfastError `bad-description` */
export function decodeCandidates(value: unknown): Candidate[] {
  if (!Array.isArray(value) || value.length > maxCandidates) bad('candidates')
  return Array.from(value, decodeCandidate)
}

function decodeCandidate(value: unknown): Candidate {
  const [code, address, port, priority] = tuple(value, 4)
  if (!isInteger(code, 0, candidateTypes.length - 1)) bad('candidate type')
  if (!isInteger(port, 1, 65_535)) bad('port')
  if (!isInteger(priority, 1, maxPriority)) bad('priority')
  return { type: candidateTypes[code]!, address: decodeAddress(address), port, priority }
}

function decodeAddress(value: unknown): string {
  if (isLocalName(value)) return value.toLowerCase()
  const isIP = value instanceof Uint8Array && (value.length === 4 || value.length === 16)
  if (!isIP || isMappedIPv4(value)) bad('address')
  return formatAddress(value)
}

export const isLocalName = (value: unknown): value is string => isText(value, localNamePattern)

/** The same address and port, whatever else is said of it. */
export const candidateKey = ({ type, address, port }: Candidate): string =>
  `${type} ${address} ${port}`

function tuple(value: unknown, length: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length !== length) bad('not an array of the right length')
  return value
}

const isText = (value: unknown, pattern: RegExp): value is string =>
  typeof value === 'string' && pattern.test(value)

const isInteger = (value: unknown, min: number, max: number): value is number =>
  Number.isInteger(value) && (value as number) >= min && (value as number) <= max
