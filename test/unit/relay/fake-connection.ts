import type { RelayConnection } from '../../../lib/relay/core.ts'
import {
  type ClientMessage,
  encodeRelayMessage,
  parseRelayMessage,
  type RelayMessage,
} from '../../../lib/signaling/relay-protocol.ts'

/** A connection that keeps what it is sent. */
export class FakeConnection implements RelayConnection {
  readonly address: string
  bufferedBytes = 0
  readonly received: RelayMessage[] = []
  pings = 0
  readonly closed: number[] = []

  constructor(address = '192.0.2.1') {
    this.address = address
  }
  send(message: Uint8Array): void {
    this.received.push(parseRelayMessage(message))
  }
  ping(): void {
    this.pings++
  }
  close(code: number): void {
    this.closed.push(code)
  }
  /** What came with `verb`. */
  of(verb: number): RelayMessage[] {
    return this.received.filter((message) => message[0] === verb)
  }
}

export const encoded = (message: ClientMessage): Uint8Array => encodeRelayMessage(message)
