/**
 * An address card: where a peer is to be found from now on, signed by its device. It outlives every relay it names: whoever has an
 * older one needs but one path that still leads there. Form: `docs/protocol.md`, "Cards".
 */

import { base32nopad } from '@scure/base'
import { failAs, HandfastError } from '../base/errors.ts'
import { maxCardBytes, maxCardRelays } from '../base/limits.ts'
import { isAllowedRelayUrl } from '../base/relay-url.ts'
import { decode, encode } from '../codec/cbor.ts'
import { Fields } from '../codec/fields.ts'
import { verify } from '../crypto/ed25519.ts'
import { signatureLabels } from '../crypto/labels.ts'
import { verifyChain } from '../identity/certificate.ts'
import type { Identity } from '../identity/identity.ts'
import { peerIdFromKey, type PeerId } from '../identity/peer-id.ts'

const textPrefix = 'hfc1'
const notACard = 'not a card, or not all of it'

interface CardBody {
  /** Of two cards of a device, the one with the higher number holds. */
  readonly number: number
  readonly relays: readonly string[]
  /** Unix seconds. */
  readonly issuedS: number
}

export interface Card extends CardBody {
  readonly peer: PeerId
  readonly deviceKey: Uint8Array
  readonly bytes: Uint8Array
}

/** Signs a card as the device of `identity`. */
export async function signCard(
  { device, chain, publicKey }: Identity,
  { number, relays, issuedS }: CardBody,
): Promise<Uint8Array> {
  const body = encode([1, publicKey, number, [...relays], issuedS])
  return encode([body, [...chain], await device.sign(signatureLabels.card, body)])
}

/** @param nowS Unix seconds, for the certificate. @throws HandfastError `bad-card` */
export function readCard(bytes: Uint8Array, nowS: number): Card {
  return failAs('bad-card', () => {
    if (bytes.length > maxCardBytes) throw new HandfastError('too-large')
    const outer = new Fields(decode(bytes), 3, 'bad-card')
    const bodyBytes = outer.bytes(1, maxCardBytes)
    const { peer, deviceKey } = verifyChain(outer.any(), nowS)
    const signature = outer.bytes(64)
    const fields = new Fields(decode(bodyBytes), 5, 'bad-card')
    fields.constant(1)
    const subject = peerIdFromKey(fields.bytes(32))
    const body: CardBody = {
      number: fields.integer(1),
      relays: fields.array(maxCardRelays, (relay) =>
        typeof relay === 'string' && isAllowedRelayUrl(relay) ? relay : fields.fail('relay'),
      ),
      issuedS: fields.integer(1, 2 ** 40),
    }
    if (subject !== peer || !verify(signatureLabels.card, bodyBytes, signature, deviceKey)) {
      throw new HandfastError('bad-signature')
    }
    return { ...body, peer, deviceKey: deviceKey.slice(), bytes: bytes.slice() }
  })
}

/** `hfc1` and base32, lower-case. */
export const cardText = ({ bytes }: Card): string =>
  textPrefix + base32nopad.encode(bytes).toLowerCase()

/** Reads a card from its text, in any case. @throws HandfastError `bad-card` */
export function parseCard(text: string, nowS: number): Card {
  const candidate = text.trim().toLowerCase()
  const base32 = candidate.slice(textPrefix.length).toUpperCase()
  if (!candidate.startsWith(textPrefix) || base32.length > maxCardBytes * 2) {
    throw new HandfastError('bad-card', notACard)
  }
  return failAs('bad-card', () => readCard(base32nopad.decode(base32), nowS), notACard)
}
