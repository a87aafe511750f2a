/**
 * What the benchmark asks of a library: one file in `adapters/` each. An adapter runs in the page and does nothing but what the
 * library's own documentation tells its users to do, pacing included.
 */

/** What a page knows when it opens. */
export interface Site {
  /** Names of this end and of the other, unique to this run. */
  readonly self: string
  readonly other: string
  readonly role: 'dialler' | 'answerer'
  /** A relay, or a PeerServer, behind a proxy of this library's own. */
  readonly relayUrl: string
  /** Each connection is with a peer of its own and stays open; else all are with the same peer, one after the other. */
  readonly manyPeers: boolean
}

/** Called with the length of every message that reaches the application. */
export type OnMessage = (bytes: number) => void

export interface Adapter {
  /** What one send may carry; larger messages are cut by the caller, as users of the library have to. */
  readonly maxMessageBytes: number
  /** Whether one send is one delivery. */
  readonly preservesMessages: boolean
  open(site: Site): Promise<Endpoint>
}

export interface Endpoint {
  /**
   * Not timed; on the answering end first, then on the dialling one, which is given what the answering one resolved with. Then
   * each knows the other and the answering end can be dialled, but there is no connection.
   */
  ready(round: number, invitation: string): Promise<string>
  /** Timed. Resolves as soon as `send` may be called. */
  dial(round: number, onMessage: OnMessage): Promise<Connection>
  answer(round: number, onMessage: OnMessage): Promise<Connection>
}

export interface Connection {
  send(message: Uint8Array<ArrayBuffer>): void
  /** Sends the same message `count` times, paced. Resolves when the last was handed over. */
  sendMany(message: Uint8Array<ArrayBuffer>, count: number): Promise<void>
  close(): Promise<void>
}

/** Low-water mark of those that pace themselves by the data channel. */
export const lowWaterBytes = 1024 * 1024

/** What every browser takes in one send. */
export const rawMessageBytes = 64 * 1024

/** Waits until the channel has drained to its low-water mark. */
export function drained(channel: RTCDataChannel): Promise<void> {
  return new Promise((resolve) => {
    channel.addEventListener('bufferedamountlow', () => resolve(), { once: true })
  })
}
