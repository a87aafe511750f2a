/**
 * Certificates: who signs for whom. A *device chain* leads from an identity's root key to one of its devices, whose signing key and
 * Noise static it names; every device on it countersigns, so nobody can certify a key that is not theirs. A *peer chain* leads from
 * one's own root, over a device of one's own or none, to another identity. On the way down the subject stays, and path
 * length and scopes shrink. Each is checked against a root alone; there is no other authority. Form and rules: `docs/protocol.md`,
 * "Certificates".
 */

import { equalBytes, toBase64url } from '../base/bytes.ts'
import { failAs, HandfastError } from '../base/errors.ts'
import {
  certificateClockToleranceS,
  maxCertificateBytes,
  maxChainLength,
  maxPathLength,
  maxVerifiedCertificates,
} from '../base/limits.ts'
import { decode, encode } from '../codec/cbor.ts'
import { Fields } from '../codec/fields.ts'
import { signatureBytes, validateIdentityKey, verify } from '../crypto/ed25519.ts'
import { blake2b } from '../crypto/hash.ts'
import * as signatureLabels from '../crypto/signature-labels.ts'
import type { SignatureLabel } from '../crypto/labels.ts'
import { peerIdFromKey, type PeerId } from './peer-id.ts'
import { covers, deviceScopes, everything, isWithin, parseScopes, type Scopes } from './scopes.ts'
import { signWith, type Signer } from './signer.ts'

/** A time that is neither before nor after any other: certificates are valid then, whenever they begin and end. */
export const atAnyTime = NaN

/** Certificates from the one nearest the root to the last, each encoded. */
export type CertificateChain = readonly Uint8Array[]

/** A device, and whose it is. */
export interface PeerDevice {
  readonly peer: PeerId
  readonly peerKey: Uint8Array
  /** ed25519, signs handshakes. */
  readonly deviceKey: Uint8Array
  /** X25519, the device's Noise static. */
  readonly boxKey: Uint8Array
}

/** How far what a chain proves reaches. */
interface Reach {
  readonly scopes: Scopes
  /** How many certificates may follow. */
  readonly pathLength: number
  /** Unix seconds: the earliest end on the chain. Infinity without one. */
  readonly notAfterS: number
  /** Of every device on the chain: what one that was revoked has issued is void. */
  readonly deviceKeys: readonly Uint8Array[]
}

/** What a device chain proves: this device speaks for this identity. */
export interface DeviceBinding extends PeerDevice, Reach {}

/** What a peer chain proves: the identity whose root it begins at knows this one. */
export interface PeerBinding extends Reach {
  readonly peer: PeerId
  readonly peerKey: Uint8Array
}

/** Why a chain was refused: the message of its `bad-certificate`. */
export type CertificateFault =
  | 'malformed'
  | 'wrong issuer'
  | 'wrong subject'
  | 'path too long'
  | 'wider scopes'
  | 'issuer lacks the scope'
  | 'not yet valid'
  | 'expired'
  | 'bad signature'
  | 'bad countersignature'
  | 'revoked'

export const badCertificate = (fault: CertificateFault, options?: ErrorOptions) =>
  new HandfastError('bad-certificate', fault, options)

/** A key and its labelled signatures. */
export interface SigningParty {
  readonly key: Uint8Array
  sign(label: SignatureLabel, message: Uint8Array): Promise<Uint8Array>
}

/** Who certifies: a root, whose chain is empty, or a device with its own. */
export interface Issuer extends SigningParty {
  readonly chain: CertificateChain
}

/** A device to be certified, here or elsewhere. */
export interface Certified extends SigningParty {
  readonly boxKey: Uint8Array
}

export interface CertifyOptions {
  /** Unix seconds: valid from then on. */
  readonly nowS: number
  /** Default: no end but the issuer's own. */
  readonly notAfterS?: number | null
  /** Default: the issuer's own. */
  readonly scopes?: Scopes
  /** Default: as long as the issuer may grant. */
  readonly pathLength?: number
}

/** A root that is at hand. */
export const rootIssuer = (root: Signer): Issuer => ({
  key: root.publicKey,
  chain: [],
  sign: (label, message) => signWith(root, label, message),
})

/**
 * Certifies a device of the issuer's identity; both sign. Returns its chain.
 * @throws HandfastError `bad-certificate` where the issuer may not
 */
export async function certifyDevice(
  issuer: Issuer,
  device: Certified,
  options: CertifyOptions,
): Promise<CertificateChain> {
  const offered = await offerCertificate(issuer, device, options)
  const peer = peerIdFromKey(rootOf(issuer, options.nowS).key)
  return acceptCertificate(device, peer, offered, options.nowS)
}

/** A device's certificate as its issuer has signed it. It holds nothing before the device has signed it, too. */
export interface OfferedCertificate {
  /** The issuer's own. */
  readonly chain: CertificateChain
  readonly body: Uint8Array
  readonly signature: Uint8Array
}

/** The issuer's half of `certifyDevice`. */
export async function offerCertificate(
  issuer: Issuer,
  device: { readonly key: Uint8Array; readonly boxKey: Uint8Array },
  options: CertifyOptions,
): Promise<OfferedCertificate> {
  const body = bodyFor(issuer, null, device, maxPathLength, options)
  return {
    chain: issuer.chain,
    body,
    signature: await issuer.sign(signatureLabels.certificate, body),
  }
}

/**
 * The device's half of `certifyDevice`: it signs only what makes it a device of `peer`. Returns its chain.
 * @throws HandfastError `bad-certificate`
 */
export async function acceptCertificate(
  device: SigningParty & { readonly boxKey: Uint8Array },
  peer: PeerId,
  { chain, body, signature }: OfferedCertificate,
  nowS: number,
): Promise<CertificateChain> {
  const countersignature = await countersign(device, body, peer)
  const accepted = [...chain, encode([body, signature, countersignature])]
  verifyChain(accepted, nowS)
  return accepted
}

/**
 * Certifies another identity: by that, every device of one's own knows it, and what it is granted. Returns the peer chain. Here
 * `pathLength` is how long that identity's device chains may be, at most 3.
 * @throws HandfastError `bad-certificate` where the issuer may not
 */
export async function certifyPeer(
  issuer: Issuer,
  peerKey: Uint8Array,
  options: CertifyOptions,
): Promise<CertificateChain> {
  const body = bodyFor(issuer, peerKey, null, maxChainLength, options)
  const signature = await issuer.sign(signatureLabels.certificate, body)
  const chain = [...issuer.chain, encode([body, signature, null])]
  verifyPeerChain(chain, rootOf(issuer, options.nowS).key, options.nowS)
  return chain
}

/**
 * Signs, as the device that it names, the body of a certificate which another is about to issue: only one that makes it a device of `peer`.
 * @throws HandfastError `bad-certificate`
 */
export async function countersign(
  device: Certified,
  body: Uint8Array,
  peer: PeerId,
): Promise<Uint8Array> {
  const named = failAs('bad-certificate', () => parseBody(body), 'malformed')
  if (named.peer !== peer) throw badCertificate('wrong subject')
  if (
    !named.device ||
    !equalBytes(named.device.key, device.key) ||
    !equalBytes(named.device.boxKey, device.boxKey)
  ) {
    throw badCertificate('malformed')
  }
  return device.sign(signatureLabels.device, body)
}

/** The root that an issuer's chain begins at, and how far its own reaches. */
function rootOf(
  { key, chain }: Issuer,
  nowS: number,
): Pick<Reach, 'scopes' | 'pathLength'> & { key: Uint8Array } {
  if (chain.length === 0) return { key, scopes: everything, pathLength: maxPathLength + 1 }
  const { peerKey, scopes, pathLength } = verifyChain(chain, nowS)
  return { key: peerKey, scopes, pathLength }
}

function bodyFor(
  issuer: Issuer,
  subject: Uint8Array | null,
  device: { readonly key: Uint8Array; readonly boxKey: Uint8Array } | null,
  longestPath: number,
  options: CertifyOptions,
): Uint8Array {
  const root = rootOf(issuer, options.nowS)
  const { nowS, notAfterS = null, scopes = root.scopes } = options
  const { pathLength = Math.min(longestPath, root.pathLength - 1) } = options
  const keys = device ? [device.key, device.boxKey] : [null, null]
  return encode([
    1,
    issuer.key,
    subject ?? root.key,
    ...keys,
    pathLength,
    Math.floor(nowS),
    notAfterS,
    [...scopes],
  ])
}

/**
 * Verifies a device chain as received and returns what it proves.
 * @param nowS Unix seconds
 * @throws HandfastError `bad-certificate`, with its `CertificateFault` as the message
 */
export function verifyChain(chain: unknown, nowS: number): DeviceBinding {
  const [{ subject: peerKey, device, peer }, reach] = follow(chain, nowS)
  return { peer, peerKey, deviceKey: device!.key, boxKey: device!.boxKey, ...reach }
}

/**
 * Verifies a peer chain as received: whom has the identity of `ownRootKey`, or a device of its, certified?
 * @throws HandfastError `bad-certificate`, with its `CertificateFault` as the message
 */
export function verifyPeerChain(chain: unknown, ownRootKey: Uint8Array, nowS: number): PeerBinding {
  const [{ subject: peerKey, peer }, reach] = follow(chain, nowS, ownRootKey)
  return { peer, peerKey, ...reach }
}

interface Certificate {
  readonly issuer: Uint8Array
  readonly subject: Uint8Array
  readonly peer: PeerId
  /** None in a peer certificate. */
  readonly device: { readonly key: Uint8Array; readonly boxKey: Uint8Array } | null
  readonly pathLength: number
  readonly notBeforeS: number
  readonly notAfterS: number
  readonly scopes: Scopes
  /** Checks the signatures, unless they were found good before. @throws HandfastError `bad-certificate` */
  verify(): void
}

/** Follows a chain from its root down to its last certificate: with `ownRoot` a peer certificate, else a device's. */
function follow(chain: unknown, nowS: number, ownRoot?: Uint8Array): [Certificate, Reach] {
  const maxLength = ownRoot ? maxChainLength + 1 : maxChainLength
  if (!Array.isArray(chain) || chain.length < 1 || chain.length > maxLength) {
    throw badCertificate('malformed')
  }
  const certificates = Array.from(chain, read)
  const last = certificates.at(-1)!
  const root = ownRoot ?? certificates[0]!.subject
  let issuer = root
  let above: Reach = {
    scopes: everything,
    pathLength: Infinity,
    notAfterS: Infinity,
    deviceKeys: [],
  }
  for (const [index, each] of certificates.entries()) {
    const { device, scopes, pathLength, notBeforeS, notAfterS } = each
    const isPeer = ownRoot !== undefined && index === certificates.length - 1
    const faults: [isBroken: boolean, fault: CertificateFault][] = [
      [isPeer === (device !== null), 'malformed'],
      [!equalBytes(each.issuer, issuer), 'wrong issuer'],
      [equalBytes(each.subject, root) === isPeer, 'wrong subject'],
      [pathLength >= above.pathLength, 'path too long'],
      [
        !covers(above.scopes, deviceScopes[isPeer ? 'introduce' : 'devices']),
        'issuer lacks the scope',
      ],
      [!isWithin(scopes, above.scopes), 'wider scopes'],
      [nowS < notBeforeS - certificateClockToleranceS, 'not yet valid'],
      [nowS > notAfterS + certificateClockToleranceS, 'expired'],
    ]
    const broken = faults.find(([isBroken]) => isBroken)
    if (broken) throw badCertificate(broken[1])
    issuer = device?.key ?? issuer
    above = {
      scopes,
      pathLength,
      notAfterS: Math.min(notAfterS, above.notAfterS),
      deviceKeys: device ? [...above.deviceKeys, device.key] : above.deviceKeys,
    }
  }
  // Signatures last: they cost the most.
  for (const each of certificates) each.verify()
  return [last, above]
}

/** Certificates found good, by hash: a known contact shows the same ones at every dial. Beyond the bound the oldest go. */
const verified = new Map<string, Certificate>()

function read(encoded: unknown): Certificate {
  try {
    const bytes = new Fields([encoded], 1, 'bad-certificate').bytes(1, maxCertificateBytes)
    const hash = toBase64url(blake2b(bytes, 32))
    return verified.get(hash) ?? parse(bytes, hash)
  } catch (cause) {
    throw badCertificate('malformed', { cause })
  }
}

/** What a certificate says, without its signatures. */
type CertificateBody = Omit<Certificate, 'verify'>

function parse(encoded: Uint8Array, hash: string): Certificate {
  const outer = new Fields(decode(encoded), 3, 'bad-certificate')
  const bodyBytes = outer.bytes(1, maxCertificateBytes)
  const issuerSignature = outer.bytes(signatureBytes)
  const deviceSignature = outer.nullable(() => outer.bytes(signatureBytes))
  const body = parseBody(bodyBytes)
  const { issuer, device } = body
  if ((deviceSignature === null) !== (device === null)) outer.fail('device')

  const certificate: Certificate = {
    ...body,
    verify() {
      if (!verified.has(hash)) {
        if (!verify(signatureLabels.certificate, bodyBytes, issuerSignature, issuer)) {
          throw badCertificate('bad signature')
        }
        if (device && !verify(signatureLabels.device, bodyBytes, deviceSignature!, device.key)) {
          throw badCertificate('bad countersignature')
        }
      }
      verified.set(hash, certificate)
      for (const oldest of verified.keys()) {
        if (verified.size <= maxVerifiedCertificates) break
        verified.delete(oldest)
      }
    },
  }
  return certificate
}

function parseBody(bytes: Uint8Array): CertificateBody {
  const fields = new Fields(decode(bytes), 9, 'bad-certificate')
  fields.constant(1)
  const issuer = fields.bytes(32)
  const subject = fields.bytes(32)
  const key = fields.nullable(() => fields.bytes(32))
  const boxKey = fields.nullable(() => fields.bytes(32))
  if ((key === null) !== (boxKey === null)) fields.fail('device')
  const device = key && boxKey && { key, boxKey }
  const pathLength = device ? fields.integer(0, maxPathLength) : fields.integer(1, maxChainLength)
  const notBeforeS = fields.integer()
  const notAfterS = fields.nullable(() => fields.integer()) ?? Infinity
  const scopes = parseScopes(fields.any())
  const peer = peerIdFromKey(subject)
  if (device) validateIdentityKey(device.key)
  return { issuer, subject, peer, device, pathLength, notBeforeS, notAfterS, scopes }
}
