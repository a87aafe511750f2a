/** The devices of one's own identity, this one first: for a wallet to show, and to name the one to revoke. */

import { equalBytes, toBase64url } from '../base/bytes.ts'
import type { Identity } from '../identity/identity.ts'
import type { Peers } from './peers.ts'

/** A device of one's own identity. */
export interface OwnDevice {
  /** Its ed25519 key as base64url, as `mesh.revokeDevice` takes it. */
  readonly key: string
  /** Whether it is the one that this runs on. */
  readonly isThis: boolean
  /** When this device and that one were connected last; null: never, or it is this one. */
  readonly lastMetAt: Date | null
}

/** The others as far as this device has heard of them, without those that were revoked. */
export function ownDevices({ peer, device }: Identity, peers: Peers): OwnDevice[] {
  const others = peers.get(peer).devices.filter((other) => !equalBytes(other.deviceKey, device.key))
  return [
    { key: toBase64url(device.key), isThis: true, lastMetAt: null },
    ...others.map(({ deviceKey, lastMetMs }) => ({
      key: toBase64url(deviceKey),
      isThis: false,
      lastMetAt: lastMetMs > 0 ? new Date(lastMetMs) : null,
    })),
  ]
}
