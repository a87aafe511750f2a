/**
 * Renewal without the root: a device whose certificate is about to end asks another of its identity for a new one, over the link that only they
 * have. Who may certify devices, and has not been told that the other was revoked, gives it, and no wider than what there was.
 */

import { equalBytes } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import { certificateWarningMs, maxCertificateBytes, renewedCertificateMs } from '../base/limits.ts'
import { encode } from '../codec/cbor.ts'
import { Fields } from '../codec/fields.ts'
import { signatureBytes } from '../crypto/ed25519.ts'
import {
  acceptCertificate,
  atAnyTime,
  offerCertificate,
  verifyChain,
  type CertificateChain,
} from '../identity/certificate.ts'
import type { Identity } from '../identity/identity.ts'
import { isWithin, shared } from '../identity/scopes.ts'
import type { Receiver } from '../link/carrier.ts'
import type { Sessions } from '../link/sessions.ts'
import { within } from '../link/within.ts'
import type { Peers } from './peers.ts'

const method = 'renew'

/** What one's own devices ask each other. */
export function renewalDesk(identity: Identity, peers: Peers): Receiver {
  return {
    takesMessages: false,
    takesStreams: false,
    methods: [method],
    message() {},
    stream: () => false,
    handlerOf: (asked) =>
      asked === method ? (params) => renew(identity, peers, params) : undefined,
  }
}

/** Whether the certificate of this device is near its end. */
export function isExpiring({ certificateExpiresAt: end, runtime }: Identity): boolean {
  return end !== null && end.getTime() - runtime.now() < certificateWarningMs
}

/** By another own device, where the root is not here. In vain it is no worse than before: the application has been told, and it is tried again. */
export function renewCertificate(
  identity: Identity,
  kin: Sessions | undefined,
  underWay: Set<AbortController>,
): void {
  if (identity.hasRoot || kin?.state !== 'open' || !isExpiring(identity)) return
  within(identity.runtime, {}, underWay, (signal) => askForRenewal(identity, kin, signal)).catch(
    () => {},
  )
}

/**
 * Asks the device at the other end to certify this one anew; keeps what it gets.
 * @throws HandfastError `bad-certificate` (also where that would end no later, or have fewer scopes), `request-failed` (it may not, or does not know this
 * one), `forbidden`, `interrupted`; the reason of `signal`
 */
async function askForRenewal(
  identity: Identity,
  sessions: Sessions,
  signal: AbortSignal,
): Promise<void> {
  const { device, peer, runtime } = identity
  const params = encode([device.key, device.boxKey])
  const fields = new Fields(await sessions.request(method, params, signal), 3, 'bad-certificate')
  const chain = fields.any() as CertificateChain
  const body = fields.bytes(1, maxCertificateBytes)
  const signature = fields.bytes(signatureBytes)
  const nowS = runtime.now() / 1000
  const renewed = await acceptCertificate(device, peer, { chain, body, signature }, nowS)
  const before = verifyChain(identity.chain, atAnyTime)
  const { notAfterS, scopes } = verifyChain(renewed, nowS)
  if (notAfterS <= before.notAfterS || !isWithin(before.scopes, scopes)) {
    throw new HandfastError('bad-certificate', 'The certificate would be worth less')
  }
  await identity.takeChain(renewed)
}

/** As narrow as the certificate that is known, and for at most half a year. */
async function renew(identity: Identity, peers: Peers, params: unknown): Promise<unknown> {
  const { issuer, peer, runtime } = identity
  const fields = new Fields(params, 2, 'protocol')
  const key = fields.bytes(32)
  const boxKey = fields.bytes(32)
  const known = peers.deviceOf(peer, key)
  if (!known || !equalBytes(known.boxKey, boxKey)) {
    throw new HandfastError('bad-certificate', 'no device of this identity')
  }
  const nowS = Math.floor(runtime.now() / 1000)
  const own = verifyChain(issuer.chain, nowS)
  const held = verifyChain(known.chain, atAnyTime)
  // Who is revoked takes those along that it has certified: no renewal gets them out of that.
  const certifiers = held.deviceKeys.slice(0, -1)
  if (!certifiers.every((each) => own.deviceKeys.some((other) => equalBytes(each, other)))) {
    throw new HandfastError('bad-certificate', 'certified by another device')
  }
  const { chain, body, signature } = await offerCertificate(
    issuer,
    { key, boxKey },
    {
      nowS,
      notAfterS: nowS + renewedCertificateMs / 1000,
      scopes: shared(held.scopes, own.scopes),
      pathLength: Math.min(held.pathLength, own.pathLength - 1),
    },
  )
  return [[...chain], body, signature]
}
