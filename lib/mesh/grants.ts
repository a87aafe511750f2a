/**
 * What peers may do here, and what they say one may do there. The user's word is in the record of the peer and counts at once; a certificate
 * tells the peer, and shows one's other devices to it. [protocol] `docs/protocol.md`, "Rights" and "Grants".
 */

import { equalBytes } from '../base/bytes.ts'
import type { HandfastError } from '../base/errors.ts'
import { maxPeerChainBytes } from '../base/limits.ts'
import { decode, encode, type CborValue } from '../codec/cbor.ts'
import type { Fields } from '../codec/fields.ts'
import * as recordKinds from '../codec/record-kinds.ts'
import {
  atAnyTime,
  certifyPeer,
  verifyChain,
  verifyPeerChain,
  type CertificateChain,
} from '../identity/certificate.ts'
import type { Identity } from '../identity/identity.ts'
import { keyFromPeerId, type PeerId } from '../identity/peer-id.ts'
import { excludes } from '../identity/revocations.ts'
import { covers, isWithin, shared, type Scopes } from '../identity/scopes.ts'
import { isSameList } from '../link/person.ts'
import type { Rights } from '../link/rights.ts'
import type { PeerRecord } from './peer-record.ts'
import type { Peers } from './peers.ts'

export class Grants {
  readonly #identity: Identity
  readonly #peers: Peers

  constructor(identity: Identity, peers: Peers) {
    this.#identity = identity
    this.#peers = peers
  }

  /** What a device of a peer may do: what the peer is granted and its identity lets it do, as both are at any time. */
  rights(peer: PeerId, deviceKey: Uint8Array): Rights {
    let record: PeerRecord | undefined
    // One that is not listed any more, for others were met since, keeps what it had.
    let ofDevice: Scopes = []
    return {
      allows: (scope) => {
        const now = this.#peers.get(peer)
        if (now !== record) {
          const device = this.#peers.deviceOf(peer, deviceKey)
          if (device) ofDevice = verifyChain(device.chain, atAnyTime).scopes
          record = now
        }
        return covers(now.scopes, scope) && covers(ofDevice, scope)
      },
    }
  }

  /** Certifies anew what a contact is granted, unless it has just that. Where this device can't, or can't now, it stays as it is. */
  async refresh(peer: PeerId): Promise<void> {
    const { issuer, runtime, peer: self } = this.#identity
    if (peer === self) return
    const nowS = runtime.now() / 1000
    const { scopes: own } = verifyChain(issuer.chain, atAnyTime)
    const scopes = shared(this.#peers.get(peer).scopes, own)
    if (this.#isCertified(peer, scopes)) return
    try {
      const ownPeerChain = await certifyPeer(issuer, keyFromPeerId(peer), { nowS, scopes })
      await this.#peers.change(peer, (record) =>
        isSameList(shared(record.scopes, own), scopes) ? { ...record, ownPeerChain } : record,
      )
    } catch (error) {
      const { code } = error as HandfastError
      if (code !== 'bad-certificate' && code !== 'locked') throw error
    }
  }

  /** Whether the peer has a certificate for no more than it is granted, and for no less than this device could give. */
  #isCertified(peer: PeerId, scopes: Scopes): boolean {
    const { publicKey, runtime, peer: self } = this.#identity
    const { ownPeerChain } = this.#peers.get(peer)
    try {
      const binding = verifyPeerChain(ownPeerChain, publicKey, runtime.now() / 1000)
      const isRevoked = excludes(this.#peers.get(self).revocations, binding.deviceKeys)
      const isWithinGrant = isWithin(binding.scopes, this.#peers.get(peer).scopes)
      return !isRevoked && isWithinGrant && isWithin(scopes, binding.scopes)
    } catch {
      return false
    }
  }

  /** What the peer is told. */
  own(peer: PeerId): CborValue[][] {
    const { ownPeerChain } = this.#peers.get(peer)
    return ownPeerChain ? [[recordKinds.grant, encode(ownPeerChain)]] : []
  }

  /** What it tells. Resolves when that is stored. @throws HandfastError for what the peer should not have sent */
  take(peer: PeerId, fields: Fields): Promise<unknown> {
    // Copies: what came is a view of its frame.
    const chain = decode(fields.bytes(1, maxPeerChainBytes)) as CertificateChain
    const granted = verifyPeerChain(chain, keyFromPeerId(peer), atAnyTime)
    const { peerChain, revocations } = this.#peers.get(peer)
    const isForUs = granted.peer === this.#identity.peer
    if (!isForUs || excludes(revocations, granted.deviceKeys)) fields.fail('grant')
    if (peerChain && equalBytes(encode(peerChain), encode(chain))) return Promise.resolve()
    return this.#peers.change(peer, (record) => ({
      ...record,
      peerChain: chain,
      grantedScopes: granted.scopes,
    }))
  }
}
