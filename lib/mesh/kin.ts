/**
 * One's own devices among themselves: they share a pact of their own, by which they find each other as contacts do; no application ever sees
 * that link. Each tells the others what it knows of contacts.
 */

import { HandfastError } from '../base/errors.ts'
import { maxMergedAtOnce, maxSnapshotBytes, syncDelayMs, tagBytes } from '../base/limits.ts'
import type { Identity } from '../identity/identity.ts'
import type { PeerId } from '../identity/peer-id.ts'
import { blake2b } from '../crypto/hash.ts'
import * as signatureLabels from '../crypto/signature-labels.ts'
import type { Sessions } from '../link/sessions.ts'
import { pactIdOf, pactRecord, pactSecretBytes } from '../session/pact.ts'
import type { Adopted, Contacts, ProvenPact } from './contacts.ts'
import type { KnownDevice } from './peer-record.ts'
import { report } from './report.ts'
import { mergePeers } from './snapshot.ts'

/** A device that has been certified, whether it has heard of it or not. */
export type NewKin = Pick<KnownDevice, 'deviceKey' | 'boxKey' | 'chain'>

/** The pact that all devices of an identity share. It came of no ticket: random bytes are in the place of its tag, and their hash in that of its own. */
export async function makeOwnPact({
  peer,
  publicKey,
  device,
  runtime,
}: Identity): Promise<ProvenPact> {
  const now = runtime.now()
  const ticketTag = runtime.randomBytes(tagBytes)
  const record = pactRecord(publicKey, publicKey, blake2b(ticketTag, 32), Math.floor(now / 1000))
  const signature = await device.sign(signatureLabels.pact, record)
  const pactSecret = runtime.randomBytes(pactSecretBytes)
  return {
    peer,
    pactId: pactIdOf(pactSecret),
    pactSecret,
    deviceKey: device.key,
    pact: { record, ownSignature: signature, peerSignature: signature },
    ticketTag,
    provenAtMs: now,
  }
}

export interface KinOptions {
  readonly identity: Identity
  readonly contacts: Contacts
  readonly roster: { get(peer: PeerId): Pick<Sessions, 'announce' | 'call'> | undefined }
  /** `adopt` does what follows from what was merged. */
  readonly devices: { adopt(adopted: Adopted): Promise<void> }
}

export class Kin {
  readonly #options: KinOptions
  /** What was heard and is not merged yet, a peer each. */
  #heard: Uint8Array[] = []
  #heardBytes = 0
  #isMerging = false
  #cancelTelling: (() => void) | undefined

  constructor(options: KinOptions) {
    this.#options = options
  }

  /** Own devices learn what is new, soon and all together. */
  tell(): void {
    this.#cancelTelling ??= this.#options.identity.runtime.setTimer(syncDelayMs, () => {
      this.#cancelTelling = undefined
      const { identity, roster } = this.#options
      const sessions = roster.get(identity.peer)
      sessions?.announce()
      // Those that are not connected are to hear of it, too.
      sessions?.call()
    })
  }

  /** Another device knows this of a peer. @throws HandfastError `queue-full` when more comes than is merged */
  take(encodedPeer: Uint8Array): void {
    this.#keep(encodedPeer)
    if (this.#heardBytes > maxSnapshotBytes) throw new HandfastError('queue-full')
    this.resume()
  }

  /** The keys are there again: what was heard without them is merged. */
  resume(): void {
    if (!this.#isMerging) void this.#merge()
  }

  #keep(encodedPeer: Uint8Array): void {
    this.#heardBytes += encodedPeer.length
    this.#heard.push(encodedPeer)
  }

  stop(): void {
    this.#cancelTelling?.()
    this.#heard = []
    this.#heardBytes = 0
  }

  /** What has come, so many in one transaction; where that is in vain, one after the other: devices answer for themselves alone. */
  async #merge(): Promise<void> {
    const { identity, contacts, devices } = this.#options
    this.#isMerging = true
    await Promise.resolve()
    while (this.#heard.length > 0 && !identity.isLocked) {
      const heard = this.#heard.splice(0, maxMergedAtOnce)
      for (const { length } of heard) this.#heardBytes -= length
      const merge = async (items: Uint8Array[]) => devices.adopt(await mergePeers(contacts, items))
      // It is not said again: locked meanwhile, it waits.
      const fail = (items: Uint8Array[]) => (error: unknown) => {
        const isLocked = error instanceof HandfastError && error.code === 'locked'
        if (isLocked) for (const item of items) this.#keep(item)
        else if (items.length === 1) report(error)
        return !isLocked && items.length > 1
      }
      const isOneByOne = await merge(heard).then(() => false, fail(heard))
      if (isOneByOne) for (const item of heard) await merge([item]).catch(fail([item]))
    }
    this.#isMerging = false
  }
}
