/**
 * What all tabs of an identity show alike. The tab that leads has it; those that follow are told each part whole when it changes, in the form
 * that its row gives it. A new part is a row here, and a getter in `Leader`.
 */

import { atAnyTime } from '../identity/certificate.ts'
import { Address } from '../ticket/address.ts'
import { Ticket } from '../ticket/ticket.ts'
import type { PathState } from './paths.ts'

/** A device of one's own identity. */
export interface OwnDevice {
  /** Its ed25519 key as base64url, as `mesh.revokeDevice` takes it. */
  readonly key: string
  /** Whether it is the one that this runs on. */
  readonly isThis: boolean
  /** When this device and that one were connected last; null: never, or it is this one. */
  readonly lastMetAt: Date | null
}

export interface Known {
  /** One's own that can still be used. */
  readonly tickets: readonly Ticket[]
  readonly addresses: readonly Address[]
  /** Devices that wait to be let in: the code of each, by its id. */
  readonly pairings: ReadonlyMap<string, string>
  readonly devices: readonly OwnDevice[]
  readonly signaling: readonly PathState[]
  /** This device is one that its identity has revoked: it calls nobody. */
  readonly revoked: boolean
}

/** How a part is told: as CBOR, and back. */
interface Form<T> {
  readonly write: (part: T) => unknown
  readonly read: (told: never, before: T) => T
}

/** As it is. */
const plain = { write: <T>(part: T) => part, read: <T>(told: T) => told }

export const forms: { readonly [P in keyof Known]: Form<Known[P]> } = {
  tickets: {
    write: (tickets) => tickets.map(String),
    read: (told: string[], before) => {
      const known = new Map(before.map((ticket) => [String(ticket), ticket]))
      // Shown as long as the leader does, whatever has become of their certificates.
      return told.map((text) => known.get(text) ?? Ticket.parse(text))
    },
  },
  addresses: {
    write: (addresses) => addresses.map(String),
    read: (told: string[]) => told.map((text) => Address.read(text, atAnyTime)),
  },
  pairings: {
    write: (pairings) => [...pairings],
    read: (told: [string, string][]) => new Map(told),
  },
  devices: {
    write: (devices) =>
      devices.map((device) => ({ ...device, lastMetAt: device.lastMetAt?.getTime() ?? null })),
    read: (told: { key: string; isThis: boolean; lastMetAt: number | null }[]) =>
      told.map(({ lastMetAt: atMs, ...device }) => ({
        ...device,
        lastMetAt: atMs === null ? null : new Date(atMs),
      })),
  },
  signaling: plain,
  revoked: plain,
}

export const parts = Object.keys(forms) as (keyof Known)[]
