/**
 * What a peer may do on a link: send messages, ask, open streams, use introductions, each as a whole or by name. Asked again at every
 * record, so that what changes applies at once. [protocol] `docs/protocol.md`, "Rights".
 */

import { maxNameBytes } from '../base/limits.ts'

export interface Rights {
  /** Whether the peer may do that now: `message`, `message:<topic>`, `request:<method>`, `stream:<name>`, `signal`. */
  allows(scope: string): boolean
}

export const anything: Rights = { allows: () => true }

/** Of a topic, a method, a stream. */
export const isName = (name: unknown): name is string =>
  typeof name === 'string' && name !== '' && name.length <= maxNameBytes

/** What a message of that topic takes. */
export const messageScope = (topic: string | undefined): string =>
  topic === undefined ? 'message' : `message:${topic}`
