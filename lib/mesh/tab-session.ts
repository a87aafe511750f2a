/**
 * What a follower and its leader say to each other: requests and streams, as between peers, on a session whose frames are in the clear.
 * They never leave the browser: whoever can read them, a script of the same origin, can read the store and use the keys.
 */

import type { Runtime } from '../base/runtime.ts'
import { CipherState } from '../crypto/cipher-state.ts'
import type { Role } from '../crypto/noise.ts'
import { Session } from '../session/session.ts'
import type { Channel } from '../transport/transport.ts'
import { Dialogue, type DialogueHandlers } from './dialogue.ts'

export interface TabSessionOptions extends DialogueHandlers {
  readonly channel: Channel
  /** The follower opens the channel: it is the initiator. */
  readonly role: Role
  readonly runtime: Runtime
}

export class TabSession extends Dialogue {
  constructor({ channel, role, runtime, handlers, acceptStream }: TabSessionOptions) {
    const session = new Session({
      channel,
      role,
      runtime,
      ciphers: [new ClearState(), new ClearState()],
      diallerKey: new Uint8Array(),
      peerDeviceKey: new Uint8Array(),
      idleTimeoutMs: Infinity,
    })
    super(session, { handlers, acceptStream })
  }
}

/** A cipher state that lets everything pass. */
class ClearState extends CipherState {
  constructor() {
    super(new Uint8Array(32))
  }
  override encryptWithAd(_ad: Uint8Array | null, plaintext: Uint8Array): Uint8Array {
    return plaintext
  }
  override decryptWithAd(_ad: Uint8Array | null, plaintext: Uint8Array): Uint8Array {
    return plaintext
  }
  override rekey(): void {}
}
